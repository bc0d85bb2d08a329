CREATE TABLE IF NOT EXISTS agency (
    key  text PRIMARY KEY,
    name text NOT NULL
)
