CREATE TABLE IF NOT EXISTS disaster_alert (
    agency   text NOT NULL REFERENCES agency,
    number   integer NOT NULL,
    event    text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('advisory', 'watch', 'warning')),
    raised   timestamptz NOT NULL,
    PRIMARY KEY (agency, number)
)
