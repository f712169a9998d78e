-- Keeps what was received, each once by its source and key: the record, its key, and
-- how far it is in being mapped.
-- Parameters: one array entry a record; epoch and fingerprint of what wraps the keys.
-- Returns: place, the id kept under its key and its record id, whether it is this one,
-- whether its content is the same.
SELECT
    place,
    raw_id,
    kept_id,
    is_new,
    is_same
FROM receive_raw_records_v1(
    %(record_ids)s::uuid[],
    %(sources)s::text[],
    %(kinds)s::text[],
    %(dedupe_keys)s::text[],
    %(content_hashes)s::bytea[],
    %(content_types)s::text[],
    %(headers)s::jsonb[],
    %(verified_by)s::text[],
    %(sizes)s::bigint[],
    %(bodies)s::text[],
    %(subjects)s::text[],
    %(key_ids)s::uuid[],
    %(epoch)s::integer,
    %(fingerprint)s::bytea,
    %(wrapped_keys)s::bytea[],
    %(states)s::text[],
    %(are_open)s::boolean[],
    %(entities)s::text[],
    %(told_of)s::text[],
    %(mappers)s::text[],
    %(mapper_versions)s::integer[],
    %(errors)s::text[]
)
ORDER BY place
