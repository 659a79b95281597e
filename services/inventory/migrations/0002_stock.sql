CREATE TABLE stock (
  sku text PRIMARY KEY,
  initial bigint NOT NULL,
  available bigint NOT NULL CHECK (available >= 0),
  -- Minor units of the currency, per piece.
  price bigint NOT NULL CHECK (price >= 0),
  currency text NOT NULL DEFAULT 'EUR'
);

CREATE TABLE reservations (
  order_id uuid PRIMARY KEY,
  status text NOT NULL CHECK (status IN ('reserved', 'rejected', 'released')),
  lines jsonb NOT NULL,
  decided_at timestamptz NOT NULL DEFAULT now(),
  released_at timestamptz
);

INSERT INTO stock (sku, initial, available, price) VALUES
  ('mug', 1000000, 1000000, 1200),
  ('tee', 1000000, 1000000, 2500),
  ('cap', 1000000, 1000000, 1800),
  ('rare', 10, 10, 9900);
