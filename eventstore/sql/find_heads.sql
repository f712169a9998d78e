-- Finds the last event of each of several streams.
-- Parameters: streams.  Returns: stream, version, recorded_at; no row where none is.
-- Carried by events_stream_version_key, one probe a stream and not all its versions,
-- which is what the lateral subquery is for.
SELECT
    s.stream,
    h.version,
    h.recorded_at
FROM unnest(%(streams)s::text[]) AS s (stream)
CROSS JOIN LATERAL (  -- noqa: ST05
    SELECT
        e.version,
        e.recorded_at
    FROM events AS e
    WHERE e.stream = s.stream
    ORDER BY e.version DESC
    LIMIT 1
) AS h
