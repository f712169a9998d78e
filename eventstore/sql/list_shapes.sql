-- Lists the (type, schema version) pairs that the log holds.
-- Returns: type, schema_version; a pair of version 1 also for a type of which only
-- newer versions are stored.
-- Two loose index scans, one probe for each pair found, so 10 million events cost what
-- ten do: over events_type for the types, over events_newer_shapes (partial: it costs
-- an append nothing until a type has a second version) for the versions above 1.
WITH RECURSIVE types AS (
    (SELECT type FROM events ORDER BY type LIMIT 1)
    UNION ALL
    SELECT
        (
            SELECT e.type FROM events AS e
            WHERE e.type > t.type ORDER BY e.type LIMIT 1
        ) AS type
    FROM types AS t
    WHERE t.type IS NOT NULL
),

newer AS (
    (
        SELECT
            type,
            schema_version
        FROM events
        WHERE schema_version > 1
        ORDER BY type, schema_version
        LIMIT 1
    )
    UNION ALL
    SELECT
        found.type,
        found.schema_version
    FROM newer AS n
    CROSS JOIN LATERAL (
        SELECT
            e.type,
            e.schema_version
        FROM events AS e
        WHERE
            e.schema_version > 1
            AND (e.type, e.schema_version) > (n.type, n.schema_version)
        ORDER BY e.type, e.schema_version
        LIMIT 1
    ) AS found
)

SELECT
    type,
    1 AS schema_version
FROM types
WHERE type IS NOT NULL
UNION ALL
SELECT
    type,
    schema_version
FROM newer
ORDER BY type, schema_version
