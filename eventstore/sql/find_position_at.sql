-- Finds the last event recorded at or before an instant: the greatest recorded_at, of
-- several the greatest position.
-- Parameters: instant; until, inclusive (a watermark).  Returns: position, or no row.
-- Carried by events_recorded: one probe.
SELECT position
FROM events
WHERE
    recorded_at <= %(instant)s
    AND position <= %(until)s
ORDER BY recorded_at DESC, position DESC
LIMIT 1
