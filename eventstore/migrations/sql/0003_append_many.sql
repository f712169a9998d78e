-- The writer for one stream or many, in all four expected-version modes, repeatable by
-- event id.  Replaces append_events_v1; the order of its statements is the proof of the
-- global order (ADR-0004): floor read, floor locked, only then positions drawn.
--
-- Per stream: name, expected version (-2 any, -1 exists, 0 none, else exact).
-- Per event: the 1-based place of its stream in _streams, then the event.
-- Returns one row a stream; or none at all when _may_repeat and an id is stored.
-- Raises AN001, DETAIL {"stream", "expected", "actual"}.
CREATE FUNCTION append_events_v2(
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
    _occurred_at timestamptz[]
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
    _floor bigint;
    _places bigint[];
    _versions bigint[];
    _positions bigint[];
    _written_at timestamptz[];
BEGIN
    IF _may_repeat AND EXISTS (
        SELECT 1 FROM events AS e WHERE e.event_id = ANY(_event_ids)
    ) THEN
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

    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO _floor
    FROM events_position_seq AS s;
    PERFORM pg_advisory_xact_lock_shared((16718::bigint << 48) | _floor);

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

-- The same for one event of one stream, which is what most commands lead to: without
-- arrays it takes a quarter of the time (`make bench ONLY=append`).
CREATE FUNCTION append_event_v2(
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
    _occurred_at timestamptz
) RETURNS TABLE (
    last_version bigint,
    last_position bigint,
    written_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    _head bigint;
    _floor bigint;
BEGIN
    IF _may_repeat AND EXISTS (SELECT 1 FROM events AS e WHERE e.event_id = _event_id) THEN
        RETURN;
    END IF;

    SELECT e.version, e.recorded_at INTO _head, written_at
    FROM events AS e WHERE e.stream = _stream
    ORDER BY e.version DESC LIMIT 1;
    _head := coalesce(_head, 0);
    IF _expected <> _head AND _expected <> -2 AND (_expected <> -1 OR _head = 0) THEN
        RAISE EXCEPTION 'stream is not at the expected version'
            USING ERRCODE = 'AN001', DETAIL = json_build_object(
                'stream', _stream, 'expected', _expected, 'actual', _head
            )::text;
    END IF;

    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO _floor
    FROM events_position_seq AS s;
    PERFORM pg_advisory_xact_lock_shared((16718::bigint << 48) | _floor);

    -- Within a stream time never runs backwards, whatever the clock does.
    written_at := greatest(clock_timestamp(), written_at);
    _occurred_at := coalesce(_occurred_at, written_at);
    last_version := _head + 1;
    INSERT INTO events (
        stream, version, event_id, type, schema_version, data, actor, source,
        correlation_id, causation_id, metadata, recorded_at, occurred_at, salt, leaf
    ) VALUES (
        _stream, last_version, _event_id, _type, _schema_version, _data, _actor,
        _source, _correlation_id, _causation_id, _metadata, written_at, _occurred_at,
        _salt,
        event_leaf_v1(
            _event_id, _stream, last_version, _type, _schema_version, written_at,
            _occurred_at, _actor, _source, _correlation_id, _causation_id,
            _data_hash, _meta_hash
        )
    )
    ON CONFLICT ON CONSTRAINT events_stream_version_key DO NOTHING
    RETURNING position INTO last_position;

    -- A racing writer committed first: the insert waited for it and then stood aside.
    IF last_position IS NULL THEN
        SELECT max(e.version) INTO _head FROM events AS e WHERE e.stream = _stream;
        RAISE EXCEPTION 'stream is not at the expected version'
            USING ERRCODE = 'AN001', DETAIL = json_build_object(
                'stream', _stream, 'expected', _expected, 'actual', _head
            )::text;
    END IF;
    RETURN NEXT;
END;
$$;

DROP FUNCTION append_events_v1;
