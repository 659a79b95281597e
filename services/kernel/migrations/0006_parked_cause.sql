-- Why a message was parked: `unhandled` ones are sent again by a version that handles their type. Null: by a version that
-- recorded no cause, so it may be either; they are sent again once.
ALTER TABLE parked ADD COLUMN cause text;

UPDATE parked SET cause = CASE
  WHEN reason LIKE 'cannot read %' OR reason LIKE 'nobody here handles %' THEN 'unhandled'
  ELSE 'other'
END;
