CREATE TABLE IF NOT EXISTS disease_case (
    agency  text NOT NULL REFERENCES agency,
    disease text NOT NULL,
    week    date NOT NULL, -- its first day
    cases   integer NOT NULL CHECK (cases >= 0),
    PRIMARY KEY (agency, disease, week)
)
