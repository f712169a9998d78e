-- Measures how old the first event is that each subscription has not come to.
-- Parameters: names, positions (of the checkpoints), watermark.
-- Returns: name, seconds; no row for a subscription that is up to date.
-- An event of a bucket that is further on counts, too: the answer is "at most".
SELECT
    l.name,
    extract(EPOCH FROM clock_timestamp() - e.recorded_at)::double precision AS seconds
FROM unnest(%(names)s::text[], %(positions)s::bigint[]) AS l (name, position)
CROSS JOIN LATERAL (
    SELECT recorded_at
    FROM events
    WHERE
        position > l.position
        AND position <= %(watermark)s
    ORDER BY position
    LIMIT 1
) AS e
