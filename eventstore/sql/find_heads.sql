-- Finds the last event of each of several streams.
-- Parameters: streams.  Returns: stream, version, recorded_at; no row where none is.
-- Carried by events_stream_version_key, one probe a stream.
SELECT
    s.stream,
    h.version,
    h.recorded_at
FROM unnest(%(streams)s::text[]) AS s (stream)
CROSS JOIN LATERAL (  -- noqa: ST05 - one probe a stream, not all its versions
    SELECT
        e.version,
        e.recorded_at
    FROM events AS e
    WHERE e.stream = s.stream
    ORDER BY e.version DESC
    LIMIT 1
) AS h
