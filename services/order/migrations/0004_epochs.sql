-- The gate's epoch when an order was placed and when it ended; null for orders that are older than the gate.
ALTER TABLE orders
  ADD COLUMN placed_epoch bigint,
  ADD COLUMN settled_epoch bigint;
