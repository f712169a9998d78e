-- Appends events to one stream or several; all or nothing, one round trip.
-- Parameters: one array entry a stream, one array entry an event.
-- Returns: a row a stream: its place, last version, last position, recorded_at;
-- no row when may_repeat and an id is stored already.
SELECT
    stream_place,
    last_version,
    last_position,
    written_at
FROM append_events_v2(
    %(streams)s::text[],
    %(expected)s::bigint[],
    %(may_repeat)s,
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
    %(occurred_at)s::timestamptz[]
)
ORDER BY stream_place
