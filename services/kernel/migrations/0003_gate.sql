-- The gate of event handlers, and what the kernel remembers of each message; the same file in all four.

-- One row: whose transactions may commit. Each new holder is a new epoch.
CREATE TABLE release_gate (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  epoch bigint NOT NULL,
  color text,
  revision text,
  opened_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO release_gate (epoch) VALUES (0);

-- Who handled it; null in rows that are older than the gate. `repeats` counts deliveries after the first.
ALTER TABLE inbox
  ADD COLUMN type text,
  ADD COLUMN color text,
  ADD COLUMN revision text,
  ADD COLUMN epoch bigint,
  ADD COLUMN repeats integer NOT NULL DEFAULT 0;
CREATE INDEX inbox_by_time ON inbox (handled_at);

-- The sums of inbox rows that are gone.
CREATE TABLE inbox_history (
  epoch bigint,
  color text,
  revision text,
  handled bigint NOT NULL,
  repeats bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (epoch, color, revision)
);

-- `routing_key` is the type when null; `attempt` counts failed handlings before this copy, as against
-- `attempts`, which counts failed publications.
ALTER TABLE outbox
  ADD COLUMN routing_key text,
  ADD COLUMN attempt integer NOT NULL DEFAULT 0,
  ADD COLUMN last_error text,
  ADD COLUMN failed_at timestamptz;
-- What has to wait is not in the way of what is due.
CREATE INDEX outbox_by_due ON outbox (not_before, position);

-- Messages whose handling has failed: tried again later, or waiting for a person.
CREATE TABLE parked (
  message_id uuid PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('retrying', 'parked')),
  attempts integer NOT NULL,
  reason text NOT NULL,
  -- Null when the body is not an event.
  type text,
  subject text,
  source text,
  -- As it came: not necessarily JSON, not even text.
  body bytea NOT NULL,
  first_failed_at timestamptz NOT NULL DEFAULT now(),
  last_failed_at timestamptz NOT NULL DEFAULT now()
);
