-- Reads the newest snapshot of a stream within bounds.  Carried by snapshot_key.
-- Parameters: stream; fingerprint; to_version and at, inclusive; NULL means "no bound".
-- A statement of its own: joined with the tail it takes as long, since the plan of the
-- join costs what the round trip saves, and the stream would be read in two ways.
SELECT
    version,
    event_id,
    recorded_at,
    state
FROM eventstore_snapshot
WHERE
    stream = %(stream)s
    AND fingerprint = %(fingerprint)s
    AND version <= coalesce(%(to_version)s, 9223372036854775807)
    AND recorded_at <= coalesce(%(at)s::timestamptz, 'infinity')
ORDER BY version DESC
LIMIT 1
