-- The log's own functions and its immutability.  Frozen: a released migration never
-- changes; a new shape of a function is a new function (_v2).

ALTER TABLE events ADD CONSTRAINT events_salt_16_bytes CHECK (octet_length(salt) = 16);
ALTER TABLE events ADD CONSTRAINT events_leaf_32_bytes CHECK (octet_length(leaf) = 32);

-- Immutable for every role, cascades and session_replication_role = replica included.
CREATE FUNCTION refuse_event_change_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are immutable: % refused', tg_op
        USING ERRCODE = 'AN002',
              HINT = 'Record a new event that corrects the old one.';
END;
$$;

CREATE TRIGGER events_are_immutable
BEFORE UPDATE OR DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse_event_change_v1();

ALTER TABLE events ENABLE ALWAYS TRIGGER events_are_immutable;

-- The RFC 6962 leaf of an event: SHA-256(0x00 || header), the header in RFC 8785 form
-- (keys sorted, no white space; to_json escapes strings exactly as RFC 8785 does).
CREATE FUNCTION event_leaf_v1(
    _event_id uuid,
    _stream text,
    _version bigint,
    _type text,
    _schema_version integer,
    _recorded_at timestamptz,
    _occurred_at timestamptz,
    _actor text,
    _source text,
    _correlation_id uuid,
    _causation_id uuid,
    _data_hash bytea,
    _meta_hash bytea
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256('\x00'::bytea || convert_to(
        '{"actor":' || to_json(_actor)::text
        || ',"causation":' || coalesce('"' || _causation_id::text || '"', 'null')
        || ',"correlation":"' || _correlation_id::text
        || '","data":"' || encode(_data_hash, 'hex')
        || '","id":"' || _event_id::text
        || '","meta":"' || encode(_meta_hash, 'hex')
        || '","occurred_at":"'
        || to_char(_occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        || '","recorded_at":"'
        || to_char(_recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        || '","schema":' || _schema_version::text
        || ',"source":' || to_json(_source)::text
        || ',"stream":' || to_json(_stream)::text
        || ',"type":' || to_json(_type)::text
        || ',"v":1,"version":' || _version::text || '}',
        'UTF8'
    ))
$$;

-- The one writer of the log (ADR-0004).  The order of its statements is the proof:
-- floor read, floor locked, only then positions drawn.  Raises AN001 with the actual
-- version in DETAIL when the stream is not at the expected one.
CREATE FUNCTION append_events_v1(
    _stream text,
    _expected_version bigint,
    _event_ids uuid[],
    _types text[],
    _schema_versions integer[],
    _data jsonb[],
    _data_hashes bytea[],
    _salts bytea[],
    _actor text,
    _source text,
    _correlation_id uuid,
    _causation_id uuid,
    _metadata jsonb,
    _meta_hash bytea,
    _occurred_at timestamptz
) RETURNS TABLE (
    last_position bigint, last_version bigint, written_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    _head_version bigint;
    _head_at timestamptz;
    _floor bigint;
    _inserted bigint;
BEGIN
    SELECT e.version, e.recorded_at INTO _head_version, _head_at
    FROM events AS e WHERE e.stream = _stream
    ORDER BY e.version DESC LIMIT 1;
    last_version := coalesce(_head_version, 0);
    IF last_version <> _expected_version THEN
        RAISE EXCEPTION 'stream is not at the expected version'
            USING ERRCODE = 'AN001', DETAIL = last_version::text;
    END IF;

    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO _floor
    FROM events_position_seq AS s;
    PERFORM pg_advisory_xact_lock_shared((16718::bigint << 48) | _floor);

    -- Within a stream time never runs backwards, whatever the server's clock does.
    written_at := greatest(clock_timestamp(), _head_at);
    WITH numbered AS (
        SELECT n.*, _expected_version + n.place AS place_in_stream
        FROM unnest(
            _event_ids, _types, _schema_versions, _data, _data_hashes, _salts
        ) WITH ORDINALITY AS n (
            event_id, type, schema_version, data, data_hash, salt, place
        )
        ORDER BY n.place
    ), inserted AS (
        INSERT INTO events (
            stream, version, event_id, type, schema_version, data, actor, source,
            correlation_id, causation_id, metadata, recorded_at, occurred_at, salt, leaf
        )
        SELECT
            _stream, n.place_in_stream, n.event_id, n.type, n.schema_version, n.data,
            _actor, _source, _correlation_id, _causation_id, _metadata,
            written_at, coalesce(_occurred_at, written_at), n.salt,
            event_leaf_v1(
                n.event_id, _stream, n.place_in_stream, n.type, n.schema_version,
                written_at, coalesce(_occurred_at, written_at), _actor, _source,
                _correlation_id, _causation_id, n.data_hash, _meta_hash
            )
        FROM numbered AS n
        ORDER BY n.place
        ON CONFLICT (stream, version) DO NOTHING
        RETURNING events.position, events.version
    )
    SELECT max(i.position), max(i.version), count(*)
    INTO last_position, last_version, _inserted FROM inserted AS i;

    -- A racing writer committed first: the insert waited for it and then stood aside.
    IF _inserted <> cardinality(_event_ids) THEN
        SELECT max(e.version) INTO last_version FROM events AS e WHERE e.stream = _stream;
        RAISE EXCEPTION 'stream is not at the expected version'
            USING ERRCODE = 'AN001', DETAIL = last_version::text;
    END IF;
    RETURN NEXT;
END;
$$;

-- Everything at or below the watermark is final: committed or dead (ADR-0004).  Must be
-- a statement of its own, before the one that reads rows, at READ COMMITTED.
CREATE FUNCTION events_watermark_v1() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    _last bigint;
    _floor bigint;
BEGIN
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO _last
    FROM events_position_seq AS s;
    SELECT min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) INTO _floor
    FROM pg_locks AS l
    WHERE l.locktype = 'advisory'
        AND l.objsubid = 1
        AND l.granted
        AND l.classid::bigint >> 16 = 16718
        AND l.database = (
            SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()
        );
    RETURN least(_last, coalesce(_floor, _last));
END;
$$;

-- Which of the 16 buckets a stream's events are processed in.  Built on SHA-256 and not
-- on hashtext, whose result may change with the server's major version.
CREATE FUNCTION event_bucket_v1(_stream text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (get_byte(sha256(convert_to(_stream, 'UTF8')), 0) & 15)::smallint
$$;
