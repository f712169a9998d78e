-- Reads the newest snapshot of a stream within bounds.  Carried by snapshot_key.
-- Parameters: stream; fingerprint; to_version and at, inclusive; NULL means "no bound".
-- A statement of its own: joined with the tail it takes as long, since the plan of the
-- join costs what the round trip saves, and the stream would be read in two ways.
-- Returns: always one row: the key of the stream (subject NULL where there never was
-- one), then the snapshot (version NULL where there is none).
WITH wanted AS (
    SELECT %(stream)s::text AS stream
)

SELECT
    k.subject,
    k.key_id,
    k.epoch,
    k.wrapped_key,
    s.version,
    s.event_id,
    s.recorded_at,
    s.state::text AS state
FROM wanted AS w
LEFT JOIN vault.subject_key AS k ON w.stream = k.subject
LEFT JOIN LATERAL (  -- noqa: ST05
    SELECT
        e.version,
        e.event_id,
        e.recorded_at,
        e.state
    FROM eventstore_snapshot AS e
    WHERE
        e.stream = %(stream)s
        AND e.fingerprint = %(fingerprint)s
        AND e.version <= coalesce(%(to_version)s, 9223372036854775807)
        AND e.recorded_at <= coalesce(%(at)s::timestamptz, 'infinity')
    ORDER BY e.version DESC
    LIMIT 1
) AS s ON true
