-- Appends events to one stream or several; all or nothing, one round trip.
-- Parameters: one array entry a stream, an event, or a key.
-- Returns: a row a stream: its place, last version, last position, recorded_at in
-- microseconds since 1970;
-- no row when may_repeat and an id is stored already; a row with version 0 when a key
-- is not the subject's.
SELECT
    stream_place,
    last_version,
    last_position,
    (extract(EPOCH FROM written_at) * 1000000)::bigint AS written_at
FROM append_events_v3(
    %(streams)s::text[],
    %(expected)s::bigint[],
    %(may_repeat)s::boolean,
    %(stream_of)s::integer[],
    %(event_ids)s::uuid[],
    %(types)s::text[],
    %(schema_versions)s::integer[],
    %(data)s::text[]::jsonb[],
    %(data_hashes)s::bytea[],
    %(salts)s::bytea[],
    %(actors)s::text[],
    %(sources)s::text[],
    %(correlation_ids)s::uuid[],
    %(causation_ids)s::uuid[],
    %(metadata)s::text[]::jsonb[],
    %(meta_hashes)s::bytea[],
    %(occurred_at)s::timestamptz[],
    %(subjects)s::text[],
    %(key_ids)s::uuid[],
    %(epoch)s::integer,
    %(fingerprint)s::bytea,
    %(wrapped_keys)s::bytea[]
)
ORDER BY stream_place
