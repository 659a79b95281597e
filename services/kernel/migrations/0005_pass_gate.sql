-- What a fenced transaction begins with; the same file in all four.

-- Holds the gate as it is until the transaction ends, and fails where it does not name this slot in this epoch. A
-- function that may have effects sees in each of its statements what was committed before: also while it waited.
CREATE FUNCTION pass_gate(wanted_epoch bigint, wanted_color text, wanted_revision text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  gate release_gate;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7316, 'release_gate'::regclass::oid::integer);
  SELECT * INTO STRICT gate FROM release_gate;
  IF (gate.epoch, gate.color, gate.revision) IS DISTINCT FROM (wanted_epoch, wanted_color, wanted_revision) THEN
    RAISE EXCEPTION USING ERRCODE = 'GATE1',
      MESSAGE = format('epoch %s is over: %s is %s''s', wanted_epoch, gate.epoch, gate.color);
  END IF;
END
$$;
