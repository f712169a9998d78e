-- Reads what a load needs: the newest snapshot and the stream from there on, inclusive.
-- Parameters: stream; fingerprint; to_version and at, inclusive; NULL means "no bound".
-- Returns: the events, oldest first; with the first its snapshot, if there is one.
-- A snapshot counts only while its event is in the log: one of another history (a log
-- restored from an older backup) has lost it.  One round trip; carried by snapshot_key
-- and events_stream_version_key.
WITH snapshot AS MATERIALIZED (
    SELECT
        s.version,
        s.recorded_at,
        s.state
    FROM eventstore_snapshot AS s
    INNER JOIN events AS e
        ON
            s.stream = e.stream
            AND s.version = e.version
            AND s.event_id = e.event_id
    WHERE
        s.stream = %(stream)s
        AND s.fingerprint = %(fingerprint)s
        AND s.version <= coalesce(%(to_version)s, 9223372036854775807)
        AND s.recorded_at <= coalesce(%(at)s::timestamptz, 'infinity')
    ORDER BY s.version DESC
    LIMIT 1
)

SELECT
    e.position,
    e.stream,
    e.version,
    e.event_id,
    e.type,
    e.schema_version,
    e.data,
    e.actor,
    e.source,
    e.correlation_id,
    e.causation_id,
    e.metadata,
    e.recorded_at,
    e.occurred_at,
    s.recorded_at AS snapshot_recorded_at,
    s.state AS snapshot_state
FROM events AS e
LEFT JOIN snapshot AS s ON e.version = s.version
WHERE
    e.stream = %(stream)s
    AND e.version >= coalesce((SELECT version FROM snapshot), 1)
    AND e.version <= coalesce(%(to_version)s, 9223372036854775807)
    AND e.recorded_at <= coalesce(%(at)s::timestamptz, 'infinity')
ORDER BY e.version
