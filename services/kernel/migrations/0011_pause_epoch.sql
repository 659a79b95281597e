-- The epoch in which the system was last tried. Null: by an earlier version.
ALTER TABLE pauses ADD COLUMN epoch bigint;
