-- Appends one event to one stream; one round trip.
-- Returns: its place (1, as append.sql does), last version, last position, and
-- recorded_at in microseconds since 1970;
-- no row when may_repeat and the id is stored already; version 0 when the key is not
-- the subject's.
SELECT
    1 AS stream_place,
    last_version,
    last_position,
    (extract(EPOCH FROM written_at) * 1000000)::bigint AS written_at
FROM append_event_v3(
    %(stream)s::text,
    %(expected)s::bigint,
    %(may_repeat)s::boolean,
    %(event_ids)s::uuid,
    %(types)s::text,
    %(schema_versions)s::integer,
    %(data)s::text::jsonb,
    %(data_hashes)s::bytea,
    %(salts)s::bytea,
    %(actors)s::text,
    %(sources)s::text,
    %(correlation_ids)s::uuid,
    %(causation_ids)s::uuid,
    %(metadata)s::text::jsonb,
    %(meta_hashes)s::bytea,
    %(occurred_at)s::timestamptz,
    %(subject)s::text,
    %(key_id)s::uuid,
    %(epoch)s::integer,
    %(fingerprint)s::bytea,
    %(wrapped_key)s::bytea
)
