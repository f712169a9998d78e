-- Reads several streams, each from a version of its own, each oldest first.
-- Parameters: streams; from_versions, inclusive, one a stream.
-- Carried by events_stream_version_key, one probe a stream, which is what the lateral
-- subquery is for: O(events in the ranges).
SELECT e.*
FROM
    unnest(%(streams)s::text[], %(from_versions)s::bigint[])
        AS s (stream, from_version)
CROSS JOIN LATERAL (  -- noqa: ST05
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
    WHERE events.stream = s.stream AND version >= s.from_version
    ORDER BY version
) AS e
