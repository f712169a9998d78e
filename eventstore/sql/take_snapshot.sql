-- Keeps a fold; taking the same one twice changes nothing.
-- Parameters: stream, version, fingerprint, event_id, recorded_at, state (JSON text).
INSERT INTO eventstore_snapshot
(stream, version, fingerprint, event_id, recorded_at, state, taken_at)
VALUES (
    %(stream)s,
    %(version)s,
    %(fingerprint)s,
    %(event_id)s,
    %(recorded_at)s,
    %(state)s::jsonb,
    now()
)
ON CONFLICT (stream, fingerprint, version) DO NOTHING
