-- Reads the log stream by stream: in order of name, then version.
-- Parameters: stream and version to go on after; until, inclusive (a watermark); size.
-- Carried by events_stream_version_key.  Streams with names that grow with time lie in
-- the table nearly in that order, too.
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
    (stream, version) > (%(stream)s, %(version)s::bigint)
    AND position <= %(until)s
ORDER BY stream, version
LIMIT %(size)s
