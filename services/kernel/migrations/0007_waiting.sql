-- Other systems that are away. Messages that need one wait in `parked`, with the cause `waiting`: an earlier version, which
-- does not know this cause, replays them.
CREATE TABLE pauses (
  dependency text PRIMARY KEY,
  reason text NOT NULL,
  began_at timestamptz NOT NULL DEFAULT now(),
  failures integer NOT NULL DEFAULT 1,
  until timestamptz NOT NULL,
  -- The only message that may try it meanwhile.
  probe uuid
);

-- When a message that waits by itself is due, and since when it waits.
ALTER TABLE parked
  ADD COLUMN not_before timestamptz,
  ADD COLUMN postponed_at timestamptz;
CREATE INDEX parked_waiting ON parked (first_failed_at) WHERE state = 'parked' AND cause = 'waiting';
