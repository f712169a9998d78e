-- Reads the newest snapshot of each of several streams.  Carried by snapshot_key, one
-- probe a stream, which is what the lateral subquery is for.
-- Parameters: streams; fingerprint.
-- Returns: one row a stream: its name, its key (key_id NULL where there never was one),
-- then the snapshot (version NULL where there is none).
SELECT
    s.stream,
    v.key_id,
    v.epoch,
    v.wrapped_key,
    k.version,
    k.event_id,
    k.recorded_at,
    k.state
FROM unnest(%(streams)s::text[]) AS s (stream)
LEFT JOIN vault.subject_key AS v ON s.stream = v.subject
LEFT JOIN LATERAL (  -- noqa: ST05
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
) AS k ON true
