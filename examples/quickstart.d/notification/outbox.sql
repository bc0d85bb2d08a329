CREATE TABLE IF NOT EXISTS outbox (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency text NOT NULL,
    body   jsonb NOT NULL,
    queued timestamptz NOT NULL DEFAULT now()
)
