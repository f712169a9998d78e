-- Reads the newest snapshot of each of several streams.  Carried by snapshot_key, one
-- probe a stream, which is what the lateral subquery is for.
-- Parameters: streams; fingerprint.
-- Returns: stream, version, event_id, recorded_at, state; no row where there is none.
SELECT
    s.stream,
    k.version,
    k.event_id,
    k.recorded_at,
    k.state
FROM unnest(%(streams)s::text[]) AS s (stream)
CROSS JOIN LATERAL (  -- noqa: ST05
    SELECT
        version,
        event_id,
        recorded_at,
        state
    FROM eventstore_snapshot
    WHERE
        eventstore_snapshot.stream = s.stream
        AND fingerprint = %(fingerprint)s
    ORDER BY version DESC
    LIMIT 1
) AS k
