-- The writers of the log (ADR-0004), now holding the keys under which events are sealed
-- (ADR-0009): what is appended can be opened by whoever may open it.
--
-- Beside what append_events_v2 takes: the subjects, the ids of their keys, and for each
-- key that is new its wrapping, under one epoch of the key ring.  When a subject has
-- another key, or none any more, nothing is written and the only row has place or
-- version 0: seal anew and call again.

-- Keeps the new keys and says whether each subject has the key of this id.
CREATE FUNCTION hold_subject_keys_v1(
    _subjects text[],
    _key_ids uuid[],
    _epoch integer,
    _fingerprint bytea,
    _wrapped_keys bytea[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _held bigint;
BEGIN
    IF cardinality(_subjects) = 0 THEN
        RETURN true;
    END IF;
    IF array_remove(_wrapped_keys, NULL) <> '{}' THEN
        -- One statement: its locks come before its snapshot, so an epoch that was
        -- retired while it waited for them is seen to be.
        INSERT INTO vault.subject_key (subject, key_id, epoch, wrapped_key, created_at)
        SELECT n.subject, n.key_id, e.epoch, n.wrapped_key, clock_timestamp()
        FROM vault.master_epoch AS e
        CROSS JOIN unnest(_subjects, _key_ids, _wrapped_keys)
            AS n (subject, key_id, wrapped_key)
        WHERE n.wrapped_key IS NOT NULL AND e.epoch = _epoch
            AND e.fingerprint = _fingerprint AND e.retired_at IS NULL
        -- In one order for all: two callers with the same subjects do not deadlock.
        ORDER BY n.subject
        ON CONFLICT (subject) DO NOTHING;
        IF NOT FOUND THEN
            PERFORM use_epoch_v1(_epoch, _fingerprint);
        END IF;
    END IF;
    SELECT count(*) INTO _held
    FROM unnest(_subjects, _key_ids) AS n (subject, key_id)
    JOIN vault.subject_key AS k ON k.subject = n.subject AND k.key_id = n.key_id
    WHERE k.wrapped_key IS NOT NULL;
    RETURN _held = cardinality(_subjects);
END;
$$;

CREATE FUNCTION append_events_v3(
    _streams text[],
    _expected bigint[],
    _may_repeat boolean,
    _stream_of integer[],
    _event_ids uuid[],
    _types text[],
    _schema_versions integer[],
    _data jsonb[],
    _data_hashes bytea[],
    _salts bytea[],
    _actors text[],
    _sources text[],
    _correlation_ids uuid[],
    _causation_ids uuid[],
    _metadata jsonb[],
    _meta_hashes bytea[],
    _occurred_at timestamptz[],
    _subjects text[],
    _key_ids uuid[],
    _epoch integer,
    _fingerprint bytea,
    _wrapped_keys bytea[]
) RETURNS TABLE (
    stream_place bigint,
    last_version bigint,
    last_position bigint,
    written_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    _now timestamptz;
    _heads bigint[];
    _times timestamptz[];
    _wrong record;
    _places bigint[];
    _versions bigint[];
    _positions bigint[];
    _written_at timestamptz[];
BEGIN
    IF _may_repeat THEN
        IF EXISTS (SELECT 1 FROM events AS e WHERE e.event_id = ANY(_event_ids)) THEN
            RETURN;
        END IF;
    END IF;
    IF NOT hold_subject_keys_v1(
        _subjects, _key_ids, _epoch, _fingerprint, _wrapped_keys
    ) THEN
        RETURN QUERY SELECT 0::bigint, 0::bigint, 0::bigint, NULL::timestamptz;
        RETURN;
    END IF;

    SELECT
        array_agg(coalesce(h.version, 0) ORDER BY s.place),
        array_agg(h.recorded_at ORDER BY s.place)
    INTO _heads, _times
    FROM unnest(_streams) WITH ORDINALITY AS s (stream, place)
    LEFT JOIN LATERAL (
        SELECT e.version, e.recorded_at FROM events AS e
        WHERE e.stream = s.stream ORDER BY e.version DESC LIMIT 1
    ) AS h ON true;

    SELECT s.stream, s.expected, s.actual INTO _wrong
    FROM unnest(_streams, _expected, _heads) AS s (stream, expected, actual)
    WHERE NOT CASE s.expected
        WHEN -2 THEN true
        WHEN -1 THEN s.actual > 0
        ELSE s.actual = s.expected
    END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'stream is not at the expected version'
            USING ERRCODE = 'AN001', DETAIL = to_json(_wrong)::text;
    END IF;

    IF pg_advisory_xact_lock_shared(
        (16718::bigint << 48)
        | coalesce(pg_sequence_last_value('events_position_seq'), 0)
    ) IS NULL THEN
    END IF;

    _now := clock_timestamp();
    WITH numbered AS (
        SELECT
            n.*,
            _streams[n.stream_of] AS stream,
            _heads[n.stream_of]
            + row_number() OVER (PARTITION BY n.stream_of ORDER BY n.place) AS version,
            -- Within a stream time never runs backwards, whatever the clock does.
            greatest(_now, _times[n.stream_of]) AS recorded_at
        FROM unnest(
            _stream_of, _event_ids, _types, _schema_versions, _data, _data_hashes,
            _salts, _actors, _sources, _correlation_ids, _causation_ids, _metadata,
            _meta_hashes, _occurred_at
        ) WITH ORDINALITY AS n (
            stream_of, event_id, type, schema_version, data, data_hash,
            salt, actor, source, correlation_id, causation_id, metadata,
            meta_hash, occurred_at, place
        )
    ), inserted AS (
        INSERT INTO events (
            stream, version, event_id, type, schema_version, data, actor, source,
            correlation_id, causation_id, metadata, recorded_at, occurred_at, salt, leaf
        )
        SELECT
            n.stream, n.version, n.event_id, n.type, n.schema_version, n.data,
            n.actor, n.source, n.correlation_id, n.causation_id, n.metadata,
            n.recorded_at, coalesce(n.occurred_at, n.recorded_at), n.salt,
            event_leaf_v1(
                n.event_id, n.stream, n.version, n.type, n.schema_version,
                n.recorded_at, coalesce(n.occurred_at, n.recorded_at),
                n.actor, n.source, n.correlation_id, n.causation_id,
                n.data_hash, n.meta_hash
            )
        FROM numbered AS n
        ORDER BY n.place
        ON CONFLICT ON CONSTRAINT events_stream_version_key DO NOTHING
        RETURNING events.stream, events.version, events.position, events.recorded_at
    ), written AS (
        SELECT
            s.place,
            max(i.version) AS version,
            max(i.position) AS position,
            max(i.recorded_at) AS recorded_at
        FROM unnest(_streams) WITH ORDINALITY AS s (stream, place)
        JOIN inserted AS i ON i.stream = s.stream
        GROUP BY s.place
        HAVING count(*) = (
            SELECT count(*) FROM unnest(_stream_of) AS o (place) WHERE o.place = s.place
        )
    )
    SELECT
        array_agg(w.place), array_agg(w.version), array_agg(w.position),
        array_agg(w.recorded_at)
    INTO _places, _versions, _positions, _written_at
    FROM written AS w;

    -- A racing writer committed first: the insert waited for it and then stood aside.
    SELECT
        s.stream,
        s.expected,
        (
            SELECT coalesce(
                max(e.version) FILTER (WHERE e.event_id <> ALL(_event_ids)),
                max(e.version)
            )
            FROM events AS e WHERE e.stream = s.stream
        ) AS actual
    INTO _wrong
    FROM unnest(_streams, _expected) WITH ORDINALITY AS s (stream, expected, place)
    WHERE s.place <> ALL(coalesce(_places, '{}'))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'stream is not at the expected version'
            USING ERRCODE = 'AN001', DETAIL = to_json(_wrong)::text;
    END IF;
    RETURN QUERY SELECT * FROM unnest(_places, _versions, _positions, _written_at);
END;
$$;

-- One event of one stream, which is what most commands lead to.  Few statements, since
-- each starts the executor: a stream that must be new is not looked up, the insert
-- finds out.  The leaf is event_leaf_v1, written out; a test holds the two together.
CREATE FUNCTION append_event_v3(
    _stream text,
    _expected bigint,
    _may_repeat boolean,
    _event_id uuid,
    _type text,
    _schema_version integer,
    _data jsonb,
    _data_hash bytea,
    _salt bytea,
    _actor text,
    _source text,
    _correlation_id uuid,
    _causation_id uuid,
    _metadata jsonb,
    _meta_hash bytea,
    _occurred_at timestamptz,
    _subject text,
    _key_id uuid,
    _epoch integer,
    _fingerprint bytea,
    _wrapped_key bytea
) RETURNS TABLE (
    last_version bigint,
    last_position bigint,
    written_at timestamptz
) LANGUAGE plpgsql AS $$
BEGIN
    -- One IF in another: with EXISTS in it a condition is a query, even a false one.
    IF _may_repeat THEN
        IF EXISTS (SELECT 1 FROM events AS e WHERE e.event_id = _event_id) THEN
            RETURN;
        END IF;
    END IF;

    last_version := 0;
    IF _wrapped_key IS NOT NULL THEN
        -- As hold_subject_keys_v1 does it, for one.
        INSERT INTO vault.subject_key (subject, key_id, epoch, wrapped_key, created_at)
        SELECT _subject, _key_id, e.epoch, _wrapped_key, clock_timestamp()
        FROM vault.master_epoch AS e
        WHERE e.epoch = _epoch AND e.fingerprint = _fingerprint
            AND e.retired_at IS NULL
        ON CONFLICT (subject) DO NOTHING;
        IF NOT FOUND THEN
            PERFORM use_epoch_v1(_epoch, _fingerprint);
            RETURN NEXT;
            RETURN;
        END IF;
    ELSIF _subject IS NOT NULL THEN
        IF NOT EXISTS (
            SELECT FROM vault.subject_key AS k
            WHERE k.subject = _subject AND k.key_id = _key_id
                AND k.wrapped_key IS NOT NULL
        ) THEN
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;

    IF _expected <> 0 THEN
        SELECT e.version, e.recorded_at INTO last_version, written_at
        FROM events AS e WHERE e.stream = _stream
        ORDER BY e.version DESC LIMIT 1;
        last_version := coalesce(last_version, 0);
        IF _expected <> last_version AND _expected <> -2
            AND (_expected <> -1 OR last_version = 0)
        THEN
            RAISE EXCEPTION 'stream is not at the expected version'
                USING ERRCODE = 'AN001', DETAIL = json_build_object(
                    'stream', _stream, 'expected', _expected, 'actual', last_version
                )::text;
        END IF;
    END IF;

    -- The floor is what the lock's argument is made of, so it is read before; and both
    -- before the insert draws a position.  An IF, since PERFORM starts the executor.
    IF pg_advisory_xact_lock_shared(
        (16718::bigint << 48)
        | coalesce(pg_sequence_last_value('events_position_seq'), 0)
    ) IS NULL THEN
    END IF;

    -- Within a stream time never runs backwards, whatever the clock does.
    written_at := greatest(clock_timestamp(), written_at);
    IF _occurred_at IS NULL THEN
        _occurred_at := written_at;
    END IF;
    last_version := last_version + 1;
    INSERT INTO events (
        stream, version, event_id, type, schema_version, data, actor, source,
        correlation_id, causation_id, metadata, recorded_at, occurred_at, salt, leaf
    ) VALUES (
        _stream, last_version, _event_id, _type, _schema_version, _data, _actor,
        _source, _correlation_id, _causation_id, _metadata, written_at, _occurred_at,
        _salt,
        sha256('\x00'::bytea || convert_to(format(
            '{"actor":%s,"causation":%s,"correlation":"%s","data":"%s","id":"%s",'
            '"meta":"%s","occurred_at":"%s","recorded_at":"%s","schema":%s,'
            '"source":%s,"stream":%s,"type":%s,"v":1,"version":%s}',
            to_json(_actor),
            coalesce('"' || _causation_id::text || '"', 'null'),
            _correlation_id,
            encode(_data_hash, 'hex'),
            _event_id,
            encode(_meta_hash, 'hex'),
            to_char(_occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            _schema_version,
            to_json(_source),
            to_json(_stream),
            to_json(_type),
            last_version
        ), 'UTF8'))
    )
    ON CONFLICT ON CONSTRAINT events_stream_version_key DO NOTHING
    RETURNING position INTO last_position;

    -- The stream is not new, or a racing writer committed first: the insert stood aside.
    IF last_position IS NULL THEN
        SELECT max(e.version) INTO last_version FROM events AS e WHERE e.stream = _stream;
        RAISE EXCEPTION 'stream is not at the expected version'
            USING ERRCODE = 'AN001', DETAIL = json_build_object(
                'stream', _stream, 'expected', _expected, 'actual', last_version
            )::text;
    END IF;
    RETURN NEXT;
END;
$$;

DROP FUNCTION append_events_v2;
DROP FUNCTION append_event_v2;

DO $$
DECLARE
    _function text;
BEGIN
    FOREACH _function IN ARRAY ARRAY[
        'hold_subject_keys_v1', 'append_event_v3', 'append_events_v3'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %I SECURITY DEFINER'
            ' SET search_path = pg_catalog, %I, pg_temp',
            _function, current_schema()
        );
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %I FROM public', _function);
    END LOOP;
END;
$$;
