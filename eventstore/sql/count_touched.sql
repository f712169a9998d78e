-- Counts what find_touched.sql finds.
-- Parameters: prefix, first, until; both positions inclusive.
SELECT count(*)
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
