-- Measures how old the first event is that each subscription has not come to.
-- Parameters: names, positions (of the checkpoints), watermark.
-- Returns: name; the last beat of a worker, NULL without one; who paused it, why, and
-- when, NULL where nobody did; seconds, NULL where it is up to date; age of the beat in
-- seconds, by the clock that wrote it.
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
    h.beaten_at,
    p.actor,
    p.reason,
    p.paused_at,
    extract(EPOCH FROM clock_timestamp() - e.recorded_at)::double precision AS seconds,
    extract(EPOCH FROM statement_timestamp() - h.beaten_at)::double precision AS age
FROM reached AS r
LEFT JOIN events AS e
    ON r.next_position = e.position AND e.position <= %(watermark)s
LEFT JOIN eventstore_heartbeat AS h ON r.name = h.subscription
LEFT JOIN eventstore_pause AS p ON r.name = p.subscription
