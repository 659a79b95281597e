-- Where the preview plane's mail ends; in the live plane it stays empty.
CREATE TABLE mail_sink (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Not unique: a repetition must show.
  message_id text NOT NULL,
  recipient text NOT NULL,
  -- The whole mail, as it would have gone to the mail server.
  message text NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mail_sink_by_message ON mail_sink (message_id);
