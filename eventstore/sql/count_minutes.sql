-- Counts the newest events by the minute of recorded_at and source.
-- Parameters: since; most (events looked at, the newest first).
-- Returns: source; minute; events; when the oldest event looked at was recorded, where
-- there may be older ones above since, else NULL.
-- Reads events_recorded downward and stops: as dear on a large log as on a small one.
WITH newest AS (
    SELECT
        recorded_at,
        source
    FROM events
    WHERE recorded_at >= %(since)s
    ORDER BY recorded_at DESC, position DESC
    LIMIT %(most)s
)

SELECT
    n.source,
    date_trunc('minute', n.recorded_at, 'UTC') AS minute,
    count(*) AS events,
    (
        SELECT min(o.recorded_at)
        FROM newest AS o
        HAVING count(*) = %(most)s
    ) AS reached
FROM newest AS n
GROUP BY date_trunc('minute', n.recorded_at, 'UTC'), n.source
