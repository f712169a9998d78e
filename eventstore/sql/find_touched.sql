-- Finds the streams of one category that have events in a range of positions, each at
-- its first event there: the one whose forerunner in the stream lies before the range.
-- Parameters: prefix, first; after, exclusive; until, inclusive; size, at most.
-- Returns: position, stream, in order of position.
SELECT
    e.position,
    e.stream
FROM events AS e
WHERE
    e.position > %(after)s
    AND e.position <= %(until)s
    AND starts_with(e.stream, %(prefix)s)
    AND (
        e.version = 1
        OR (
            %(first)s > 1
            AND NOT EXISTS (
                SELECT FROM events AS f
                WHERE
                    f.stream = e.stream
                    AND f.version = e.version - 1
                    AND f.position >= %(first)s
            )
        )
    )
ORDER BY e.position
LIMIT %(size)s
