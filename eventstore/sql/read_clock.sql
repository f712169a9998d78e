-- Reads the clock that recorded_at comes from.
SELECT clock_timestamp() AS now
