-- Reads whole events, salt and leaf included, in order of position.
-- Parameters: after, exclusive; until, inclusive (a watermark); size, at most.
-- Carried by the primary key: O(size) at any depth.
SELECT
    position,
    stream,
    version,
    event_id,
    type,
    schema_version,
    data,
    actor,
    source,
    correlation_id,
    causation_id,
    metadata,
    recorded_at,
    occurred_at,
    salt,
    leaf
FROM events
WHERE
    position > %(after)s
    AND position <= %(until)s
ORDER BY position
LIMIT %(size)s
