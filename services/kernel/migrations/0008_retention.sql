-- How many parked messages were deleted because of their age.
CREATE TABLE parked_history (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  expired bigint NOT NULL DEFAULT 0
);
INSERT INTO parked_history DEFAULT VALUES;
