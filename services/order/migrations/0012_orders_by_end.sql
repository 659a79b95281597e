-- For the orders that are open, or were at a moment not long ago.
CREATE INDEX CONCURRENTLY orders_by_end ON orders (settled_at);
