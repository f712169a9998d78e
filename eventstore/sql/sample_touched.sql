-- Draws streams at random from those that find_touched.sql finds, each as likely.
-- Parameters: prefix, first, until; both positions inclusive; size, at most.
-- Returns: stream.  O(events of the range).
SELECT e.stream
FROM events AS e
WHERE
    e.position >= %(first)s
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
ORDER BY random()
LIMIT %(size)s
