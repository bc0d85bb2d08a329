CREATE TABLE IF NOT EXISTS air_reading (
    agency text NOT NULL REFERENCES agency,
    site   text NOT NULL,
    day    date NOT NULL,
    pm25   double precision NOT NULL, -- micrograms per cubic metre
    PRIMARY KEY (agency, site, day)
)
