CREATE TABLE payments (
  order_id uuid PRIMARY KEY,
  -- Also the idempotency key at the provider.
  id uuid NOT NULL UNIQUE,
  status text NOT NULL CHECK (status IN ('intended', 'captured', 'declined', 'cancelled')),
  amount bigint,
  currency text,
  reason text,
  intended_at timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz
);

-- What the sandbox provider would keep on its own side: one row per idempotency key.
CREATE TABLE sandbox_charges (
  idempotency_key uuid PRIMARY KEY,
  outcome text NOT NULL CHECK (outcome IN ('captured', 'declined', 'voided')),
  amount bigint NOT NULL,
  currency text NOT NULL,
  requests integer NOT NULL DEFAULT 1
);
