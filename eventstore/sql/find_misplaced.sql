-- Finds the first event of a range that does not follow its predecessor: one without
-- the version before it in its stream, or before it in the log.  Together with the
-- unique (stream, version), none found means: dense from 1, in order of position.
-- Parameters: first and last position, inclusive.
-- Returns: position, position of the predecessor or NULL; no row when all is well.
-- The scalar subquery forces one probe of events_stream_version_key an event; as a
-- join the planner may hash the whole log.
WITH followed AS MATERIALIZED (
    SELECT
        e.position,
        (
            SELECT p.position FROM events AS p
            WHERE p.stream = e.stream AND p.version = e.version - 1
        ) AS preceding
    FROM events AS e
    WHERE
        e.position >= %(first)s
        AND e.position <= %(last)s
        AND e.version > 1
)

SELECT
    position,
    preceding
FROM followed
WHERE preceding IS NULL OR preceding > position
ORDER BY position
LIMIT 1
