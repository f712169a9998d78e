-- Raw records are kept as they came: written by one function, changed by one other,
-- which deletes a body and the key it was sealed under, and by nothing else (ADR-0037).
CREATE FUNCTION refuse_raw_change_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.body IS NOT NULL AND NEW.body IS NULL
            AND to_jsonb(NEW) - 'body' - 'deleted_at'
            = to_jsonb(OLD) - 'body' - 'deleted_at'
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a raw record loses its body, nothing else: % refused', tg_op
        USING ERRCODE = 'AN006';
END;
$$;

CREATE TRIGGER raw_record_is_immutable
BEFORE UPDATE ON raw_records
FOR EACH ROW EXECUTE FUNCTION refuse_raw_change_v1();

CREATE TRIGGER raw_record_is_never_deleted
BEFORE DELETE OR TRUNCATE ON raw_records
FOR EACH STATEMENT EXECUTE FUNCTION refuse_raw_change_v1();

ALTER TABLE raw_records ENABLE ALWAYS TRIGGER raw_record_is_immutable;
ALTER TABLE raw_records ENABLE ALWAYS TRIGGER raw_record_is_never_deleted;

-- Keeps records that are new by (source, dedupe_key); array entries in step.
-- Returns, for each place from 1: the id of the record kept under its key, whether it
-- is this one, and whether its content is the same.
CREATE FUNCTION keep_raw_records_v1(
    _record_ids uuid[],
    _sources text[],
    _kinds text[],
    _dedupe_keys text[],
    _content_hashes bytea[],
    _content_types text[],
    _headers jsonb[],
    _verified_by text[],
    _sizes bigint[],
    _bodies text[]
) RETURNS TABLE (
    place bigint, raw_id bigint, kept_id uuid, is_new boolean, is_same boolean
) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO raw_records (
        record_id, source, kind, dedupe_key, content_hash, content_type, headers,
        verified_by, size_bytes, received_at, body
    )
    SELECT
        n.record_id, n.source, n.kind, n.dedupe_key, n.content_hash, n.content_type,
        n.headers, n.verified_by, n.size_bytes, clock_timestamp(), n.body
    FROM unnest(
        _record_ids, _sources, _kinds, _dedupe_keys, _content_hashes, _content_types,
        _headers, _verified_by, _sizes, _bodies
    ) WITH ORDINALITY AS n (
        record_id, source, kind, dedupe_key, content_hash, content_type, headers,
        verified_by, size_bytes, body, place
    )
    ORDER BY n.place
    ON CONFLICT (source, dedupe_key) DO NOTHING;
    -- In a statement of its own: it sees what another session kept meanwhile.
    RETURN QUERY
    SELECT
        n.place, r.id, r.record_id, r.record_id = n.record_id,
        r.content_hash = n.content_hash
    FROM unnest(_record_ids, _sources, _dedupe_keys, _content_hashes)
        WITH ORDINALITY AS n (record_id, source, dedupe_key, content_hash, place)
    INNER JOIN raw_records AS r
        ON r.source = n.source AND r.dedupe_key = n.dedupe_key
    ORDER BY n.place;
END;
$$;

-- Deletes bodies and destroys the keys they were sealed under; returns how many there
-- were.  In the order of the ids, so that nobody is deadlocked.
CREATE FUNCTION delete_raw_bodies_v1(_record_ids uuid[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    _record_id uuid;
    _count bigint;
BEGIN
    FOR _record_id IN SELECT DISTINCT i FROM unnest(_record_ids) AS i ORDER BY i LOOP
        PERFORM destroy_subject_key_v1('raw-' || _record_id);
    END LOOP;
    UPDATE raw_records AS r SET body = NULL, deleted_at = clock_timestamp()
    WHERE r.record_id = ANY(_record_ids) AND r.body IS NOT NULL;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END;
$$;

DO $$
DECLARE
    _function text;
BEGIN
    FOREACH _function IN ARRAY ARRAY['keep_raw_records_v1', 'delete_raw_bodies_v1']
    LOOP
        EXECUTE format(
            'ALTER FUNCTION %I SECURITY DEFINER'
            ' SET search_path = pg_catalog, %I, pg_temp',
            _function, current_schema()
        );
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %I FROM public', _function);
    END LOOP;
END;
$$;
