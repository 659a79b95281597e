-- For counting the waiting messages that are in the queue again.
CREATE INDEX parked_released ON parked (last_failed_at) WHERE state = 'retrying' AND cause = 'waiting';
