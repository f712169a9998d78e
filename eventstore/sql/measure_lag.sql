-- Measures how old the first event is that each subscription has not come to.
-- Parameters: names, positions (of the checkpoints), watermark.
-- Returns: name, seconds; no row for a subscription that is up to date.
-- An event of a bucket that is further on counts, too: the answer is "at most".
WITH reached AS (
    SELECT
        l.name,
        (
            SELECT min(e.position)
            FROM events AS e
            WHERE e.position > l.position
        ) AS next_position
    FROM unnest(%(names)s::text[], %(positions)s::bigint[]) AS l (name, position)
)

SELECT
    r.name,
    extract(EPOCH FROM clock_timestamp() - e.recorded_at)::double precision AS seconds
FROM reached AS r
INNER JOIN events AS e ON r.next_position = e.position
WHERE e.position <= %(watermark)s
