-- Reads one stream, oldest first.
-- Parameters: stream; from_version and to_version, inclusive; at = as recorded,
-- as_of = as it was true, both inclusive; NULL means "no bound".
-- Carried by events_stream_version_key: O(events of the stream in the range).
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
    stream = %(stream)s
    AND version >= %(from_version)s
    AND version <= coalesce(%(to_version)s, 9223372036854775807)
    AND recorded_at <= coalesce(%(at)s::timestamptz, 'infinity')
    AND occurred_at <= coalesce(%(as_of)s::timestamptz, 'infinity')
ORDER BY version
