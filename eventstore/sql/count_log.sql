-- Returns how much the log holds: the planner's estimate of events; the watermark; the
-- exact number of events, or NULL where the estimate is above %(exact_below)s, where a
-- count costs more than it tells.
SELECT
    c.estimate,
    events_watermark_v1() AS head,
    CASE
        WHEN c.estimate <= %(exact_below)s THEN (SELECT count(*) FROM events)
    END AS exact
FROM (
    SELECT greatest(reltuples, 0)::bigint AS estimate
    FROM pg_class
    WHERE oid = 'events'::regclass
) AS c
