CREATE TABLE notifications (
  order_id uuid NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('confirmed', 'rejected', 'cancelled')),
  message_id text NOT NULL UNIQUE,
  -- Mail is sent at least once: an attempt is counted before it is made.
  attempts integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  PRIMARY KEY (order_id, outcome)
);
