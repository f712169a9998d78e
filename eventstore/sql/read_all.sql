-- Reads the log in order of position, oldest first.
-- Parameters: after, exclusive; until, inclusive (a watermark); buckets; size, at most.
-- Carried by the primary key; buckets only filter, so a reader that holds few of them
-- reads past the events of the others.
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
    AND (
        cardinality(%(buckets)s::smallint[]) = 16
        OR event_bucket_v1(stream) = any(%(buckets)s::smallint[])
    )
ORDER BY position
LIMIT %(size)s
