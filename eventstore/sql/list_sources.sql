-- Lists the distinct sources of the log, each by one probe of events_source.
-- Returns: source, sorted.  A loose index scan: SELECT DISTINCT would read every row.
WITH RECURSIVE found AS (
    (SELECT source FROM events ORDER BY source LIMIT 1)
    UNION ALL
    SELECT
        (
            SELECT e.source
            FROM events AS e
            WHERE e.source > f.source
            ORDER BY e.source
            LIMIT 1
        ) AS source
    FROM found AS f
    WHERE f.source IS NOT NULL
)

SELECT source
FROM found
WHERE source IS NOT NULL
