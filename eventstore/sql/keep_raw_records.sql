-- Keeps what was received, each once by its source and key.
-- Parameters: one array entry a record.  Returns: place, the id kept under its key and
-- its record id, whether it is this one, whether its content is the same.
SELECT
    place,
    raw_id,
    kept_id,
    is_new,
    is_same
FROM keep_raw_records_v1(
    %(record_ids)s::uuid[],
    %(sources)s::text[],
    %(kinds)s::text[],
    %(dedupe_keys)s::text[],
    %(content_hashes)s::bytea[],
    %(content_types)s::text[],
    %(headers)s::jsonb[],
    %(verified_by)s::text[],
    %(sizes)s::bigint[],
    %(bodies)s::text[]
)
