-- Reads the whole log in order of position, oldest first.
-- Parameters: after, exclusive; until, inclusive (a watermark); size, at most.
-- Carried by the primary key: O(size) at any depth.
SELECT
    position,
    stream,
    version,
    event_id,
    type,
    schema_version,
    data::text AS data,
    actor,
    source,
    correlation_id,
    causation_id,
    metadata::text AS metadata,
    recorded_at,
    occurred_at
FROM events
WHERE
    position > %(after)s
    AND position <= %(until)s
ORDER BY position
LIMIT %(size)s
