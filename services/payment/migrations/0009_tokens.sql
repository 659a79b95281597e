-- Tokens of orders whose payment has not ended: the token and the reserved stock arrive in any order.
CREATE TABLE payment_tokens (
  order_id uuid PRIMARY KEY,
  token text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payment_tokens_by_time ON payment_tokens (received_at);
