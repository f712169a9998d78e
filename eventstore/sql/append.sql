-- Appends events to one stream; all or nothing, one round trip.
-- Parameters: one array entry an event; everything else once.
-- Returns: last position, last version, recorded_at.
SELECT
    last_position,
    last_version,
    written_at
FROM append_events_v1(
    %(stream)s,
    %(expected_version)s,
    %(event_ids)s::uuid[],
    %(types)s::text[],
    %(schema_versions)s::integer[],
    %(data)s::text[]::jsonb[],
    %(data_hashes)s::bytea[],
    %(salts)s::bytea[],
    %(actor)s,
    %(source)s,
    %(correlation_id)s::uuid,
    %(causation_id)s::uuid,
    %(metadata)s::jsonb,
    %(meta_hash)s::bytea,
    %(occurred_at)s::timestamptz
)
