CREATE TABLE orders (
  id uuid PRIMARY KEY,
  status text NOT NULL CHECK (status IN ('placed', 'reserved', 'confirmed', 'rejected', 'cancelled')),
  reason text,
  items jsonb NOT NULL,
  customer jsonb NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now(),
  placed_by jsonb NOT NULL,
  settled_at timestamptz,
  settled_by jsonb,
  idempotency_key text NOT NULL UNIQUE,
  -- SHA-256 of the canonical request: tells a repetition from another request with the same key.
  request_hash text NOT NULL,
  -- The answer as it was sent, so that a repetition gets the same bytes from any later version.
  response text NOT NULL
);

CREATE INDEX orders_by_status ON orders (status);
