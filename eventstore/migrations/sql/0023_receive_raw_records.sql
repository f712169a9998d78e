-- Keeps records, their keys, and how far each is in being mapped: one round trip, and
-- outside of a transaction one commit (ADR-0037).  Beside what keep_raw_records_v1
-- takes and returns: the key of each record, wrapped under one epoch of the key ring,
-- and what became of it already; whether that is open says whether it is mapped later.
CREATE FUNCTION receive_raw_records_v1(
    _record_ids uuid[],
    _sources text[],
    _kinds text[],
    _dedupe_keys text[],
    _content_hashes bytea[],
    _content_types text[],
    _headers jsonb[],
    _verified_by text[],
    _sizes bigint[],
    _bodies text[],
    _key_subjects text[],
    _key_ids uuid[],
    _epoch integer,
    _fingerprint bytea,
    _wrapped_keys bytea[],
    _states text[],
    _are_open boolean[],
    _entities text[],
    _subjects text[],
    _mappers text[],
    _mapper_versions integer[],
    _errors text[]
) RETURNS TABLE (
    place bigint, raw_id bigint, kept_id uuid, is_new boolean, is_same boolean
) LANGUAGE plpgsql AS $$
DECLARE
    _raw_ids bigint[];
    _kept_ids uuid[];
    _are_new boolean[];
    _are_same boolean[];
BEGIN
    SELECT
        array_agg(k.raw_id ORDER BY k.place), array_agg(k.kept_id ORDER BY k.place),
        array_agg(k.is_new ORDER BY k.place), array_agg(k.is_same ORDER BY k.place)
    INTO _raw_ids, _kept_ids, _are_new, _are_same
    FROM keep_raw_records_v1(
        _record_ids, _sources, _kinds, _dedupe_keys, _content_hashes, _content_types,
        _headers, _verified_by, _sizes, _bodies
    ) AS k;

    IF true = ANY(_are_new) THEN
        -- What came before has its key; the one made for it in vain is not kept.
        IF NOT hold_subject_keys_v1(
            array(
                SELECT n.subject FROM unnest(_key_subjects, _are_new)
                WITH ORDINALITY AS n (subject, is_new, place)
                WHERE n.is_new ORDER BY n.place
            ),
            array(
                SELECT n.key_id FROM unnest(_key_ids, _are_new)
                WITH ORDINALITY AS n (key_id, is_new, place)
                WHERE n.is_new ORDER BY n.place
            ),
            _epoch,
            _fingerprint,
            array(
                SELECT n.wrapped_key FROM unnest(_wrapped_keys, _are_new)
                WITH ORDINALITY AS n (wrapped_key, is_new, place)
                WHERE n.is_new ORDER BY n.place
            )
        ) THEN
            RAISE EXCEPTION 'a raw record has another key already';
        END IF;
        INSERT INTO record_mappings (
            raw_id, record_id, source, state, entity, subject, mapper, mapper_version,
            attempts, error, fingerprint, next_attempt_at, settled_at
        )
        SELECT
            n.raw_id, n.record_id, n.source, n.state, n.entity, n.subject, n.mapper,
            n.mapper_version, 0, n.error, '', statement_timestamp(),
            CASE WHEN NOT n.is_open THEN clock_timestamp() END
        FROM unnest(
            _raw_ids, _record_ids, _are_new, _sources, _states, _are_open, _entities,
            _subjects, _mappers, _mapper_versions, _errors
        ) AS n (
            raw_id, record_id, is_new, source, state, is_open, entity,
            subject, mapper, mapper_version, error
        )
        WHERE n.is_new;
    END IF;

    RETURN QUERY
    SELECT n.place, n.raw_id, n.kept_id, n.is_new, n.is_same
    FROM unnest(_raw_ids, _kept_ids, _are_new, _are_same)
        WITH ORDINALITY AS n (raw_id, kept_id, is_new, is_same, place);
END;
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION receive_raw_records_v1 SECURITY DEFINER'
        ' SET search_path = pg_catalog, %I, pg_temp',
        current_schema()
    );
    REVOKE EXECUTE ON FUNCTION receive_raw_records_v1 FROM public;
END;
$$;
