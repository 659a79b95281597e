-- The old rule was stricter, so the rows that are there need no check.
ALTER TABLE reservations
  DROP CONSTRAINT reservations_status_check,
  ADD CONSTRAINT reservations_status_check
    CHECK (status IN ('reserved', 'rejected', 'released', 'sold')) NOT VALID,
  ADD COLUMN sold_at timestamptz,
  -- When its time was over and the order was asked; once per reservation.
  ADD COLUMN expired_at timestamptz;

CREATE INDEX reservations_to_expire ON reservations (decided_at)
  WHERE status = 'reserved' AND expired_at IS NULL;
