-- Tables of read models beside the live ones (ADR-0033).  One that is being built lies
-- in the schema rebuild_next, one that was switched away from in rebuild_kept, each
-- under its own name with its own indexes: to switch is to exchange schemas.
-- The application may not make tables (ADR-0021); it may have these functions make
-- exactly those, and of nothing but tables named projections_….
CREATE SCHEMA rebuild_next;
CREATE SCHEMA rebuild_kept;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'annals_app') THEN
        GRANT USAGE ON SCHEMA rebuild_next, rebuild_kept TO annals_app;
    END IF;
END;
$$;

-- Returns the schema of the read models; raises unless the names are read models there.
CREATE FUNCTION rebuild_home_v1(_tables text[]) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    _home text;
    _table text;
BEGIN
    SELECT n.nspname INTO STRICT _home
    FROM pg_proc AS p INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.proname = 'rebuild_home_v1';
    IF coalesce(cardinality(_tables), 0) = 0 THEN
        RAISE EXCEPTION 'no table is named' USING ERRCODE = 'AN006';
    END IF;
    FOREACH _table IN ARRAY _tables LOOP
        IF NOT starts_with(_table, 'projections_') OR NOT EXISTS (
            SELECT FROM pg_class AS c
            WHERE c.relname = _table AND c.relkind = 'r'
                AND c.relnamespace = _home::regnamespace
        ) THEN
            RAISE EXCEPTION '% is no read model', _table USING ERRCODE = 'AN006';
        END IF;
    END LOOP;
    RETURN _home;
END;
$$;

-- Makes empty tables like the live ones in rebuild_next, with their constraints and
-- B-tree indexes; rebuild_index_v1 makes the others, which a fill would pay dearly for.
CREATE FUNCTION rebuild_begin_v1(_tables text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    _home text := rebuild_home_v1(_tables);
    _table text;
    _each record;
BEGIN
    FOREACH _table IN ARRAY _tables LOOP
        EXECUTE format('DROP TABLE IF EXISTS rebuild_next.%I', _table);
        EXECUTE format(
            'CREATE TABLE rebuild_next.%I (LIKE %I.%I INCLUDING ALL EXCLUDING INDEXES)',
            _table, _home, _table
        );
        FOR _each IN
            SELECT c.conname, pg_get_constraintdef(c.oid) AS definition
            FROM pg_constraint AS c
            WHERE c.conrelid = format('%I.%I', _home, _table)::regclass
                AND c.contype IN ('p', 'u', 'x')
            ORDER BY c.conname
        LOOP
            EXECUTE format(
                'ALTER TABLE rebuild_next.%I ADD CONSTRAINT %I %s',
                _table, _each.conname, _each.definition
            );
        END LOOP;
    END LOOP;
    FOR _each IN
        SELECT d.definition FROM rebuild_missing_v1(_tables) AS d
        WHERE d.method = 'btree'
    LOOP
        EXECUTE _each.definition;
    END LOOP;
END;
$$;

-- Lists the indexes that the live tables have and those in rebuild_next lack.
CREATE FUNCTION rebuild_missing_v1(_tables text[])
RETURNS TABLE (method text, definition text)
LANGUAGE plpgsql AS $$
DECLARE
    _home text := rebuild_home_v1(_tables);
BEGIN
    RETURN QUERY
    SELECT
        m.amname::text,
        replace(
            pg_get_indexdef(i.indexrelid),
            format(' ON %I.%I USING ', _home, t.relname),
            format(' ON rebuild_next.%I USING ', t.relname)
        )
    FROM pg_index AS i
    INNER JOIN pg_class AS x ON x.oid = i.indexrelid
    INNER JOIN pg_class AS t ON t.oid = i.indrelid
    INNER JOIN pg_am AS m ON m.oid = x.relam
    WHERE t.relname = ANY(_tables)
        AND t.relnamespace = _home::regnamespace
        AND NOT EXISTS (
            SELECT FROM pg_class AS n
            WHERE n.relname = x.relname
                AND n.relnamespace = 'rebuild_next'::regnamespace
        )
    ORDER BY x.relname;
END;
$$;

-- Makes one of the indexes still missing; false when there was none.
CREATE FUNCTION rebuild_index_v1(_tables text[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    _definition text;
BEGIN
    SELECT d.definition INTO _definition FROM rebuild_missing_v1(_tables) AS d LIMIT 1;
    IF _definition IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE _definition;
    RETURN true;
END;
$$;

-- Puts the tables of _incoming (rebuild_next or rebuild_kept) in the place of the live
-- ones, and those into rebuild_kept.  Tables of other columns are refused: a migration
-- came between.  Nobody can read in between: each table is locked to the end.
CREATE FUNCTION rebuild_switch_v1(_tables text[], _incoming text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    _home text := rebuild_home_v1(_tables);
    _table text;
BEGIN
    IF _incoming NOT IN ('rebuild_next', 'rebuild_kept') THEN
        RAISE EXCEPTION '% holds no tables of ours', _incoming USING ERRCODE = 'AN006';
    END IF;
    FOREACH _table IN ARRAY _tables LOOP
        EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', _home, _table);
        IF EXISTS (
            SELECT a.attname, a.atttypid, a.attnotnull, a.attnum
            FROM pg_attribute AS a
            WHERE a.attrelid = format('%I.%I', _home, _table)::regclass
                AND a.attnum > 0 AND NOT a.attisdropped
            EXCEPT
            SELECT a.attname, a.atttypid, a.attnotnull, a.attnum
            FROM pg_attribute AS a
            WHERE a.attrelid = format('%I.%I', _incoming, _table)::regclass
        ) OR EXISTS (
            SELECT a.attname FROM pg_attribute AS a
            WHERE a.attrelid = format('%I.%I', _incoming, _table)::regclass
                AND a.attnum > 0 AND NOT a.attisdropped
            EXCEPT
            SELECT a.attname FROM pg_attribute AS a
            WHERE a.attrelid = format('%I.%I', _home, _table)::regclass
        ) THEN
            RAISE EXCEPTION 'the columns of % changed meanwhile', _table
                USING ERRCODE = 'AN007';
        END IF;
        IF _incoming = 'rebuild_next' THEN
            EXECUTE format('DROP TABLE IF EXISTS rebuild_kept.%I', _table);
            EXECUTE format('ALTER TABLE %I.%I SET SCHEMA rebuild_kept', _home, _table);
            EXECUTE format('ALTER TABLE rebuild_next.%I SET SCHEMA %I', _table, _home);
        ELSE
            EXECUTE format('ALTER TABLE %I.%I SET SCHEMA rebuild_next', _home, _table);
            EXECUTE format('ALTER TABLE rebuild_kept.%I SET SCHEMA %I', _table, _home);
            EXECUTE format('ALTER TABLE rebuild_next.%I SET SCHEMA rebuild_kept', _table);
        END IF;
    END LOOP;
END;
$$;

-- Drops tables that are not live.
CREATE FUNCTION rebuild_drop_v1(_tables text[], _from text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    _table text;
BEGIN
    PERFORM rebuild_home_v1(_tables);
    IF _from NOT IN ('rebuild_next', 'rebuild_kept') THEN
        RAISE EXCEPTION '% holds no tables of ours', _from USING ERRCODE = 'AN006';
    END IF;
    FOREACH _table IN ARRAY _tables LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I.%I', _from, _table);
    END LOOP;
END;
$$;

-- Compares a copy with the live table, row by row, by the columns the log decides.
-- Rows are told apart by their key; several may share one.  A key whose rows were moved
-- by an event after _settled differs because one side is ahead: that is not counted as
-- a difference.  Returns a row a kind (created, changed, deleted, moved: by the copy,
-- as seen from the live table) with the number of keys and the first few of them.
CREATE FUNCTION rebuild_compare_v1(
    _table text, _schema text, _key text[], _columns text[], _settled bigint, _most int
) RETURNS TABLE (kind text, found bigint, sample jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    _home text := rebuild_home_v1(ARRAY[_table]);
    _list text := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(_columns) AS c);
    _keys text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(_key) AS k);
    _position text := CASE
        WHEN 'position' = ANY(_columns) THEN 'max(position)' ELSE 'NULL::bigint'
    END;
BEGIN
    RETURN QUERY EXECUTE format(
        $q$
        WITH live AS (SELECT %1$s FROM %2$I.%3$I),
        built AS (SELECT %1$s FROM %4$I.%3$I),
        apart AS (
            SELECT d.*, true AS is_built
            FROM (SELECT * FROM built EXCEPT ALL SELECT * FROM live) AS d
            UNION ALL
            SELECT d.*, false
            FROM (SELECT * FROM live EXCEPT ALL SELECT * FROM built) AS d
        ),
        keys AS (
            SELECT %5$s, %6$s AS last,
                bool_or(is_built) AS has_built, bool_or(NOT is_built) AS has_live
            FROM apart GROUP BY %5$s
        ),
        judged AS (
            SELECT
                CASE
                    WHEN last > $1 THEN 'moved'
                    WHEN has_built AND has_live THEN 'changed'
                    WHEN has_built THEN 'created'
                    ELSE 'deleted'
                END AS kind,
                to_jsonb(k) - ARRAY['last', 'has_built', 'has_live'] AS key
            FROM keys AS k
        ),
        placed AS (
            SELECT j.*, row_number() OVER (PARTITION BY j.kind ORDER BY j.key) AS place
            FROM judged AS j
        )
        SELECT p.kind, count(*), jsonb_agg(p.key) FILTER (WHERE p.place <= $2)
        FROM placed AS p GROUP BY p.kind ORDER BY p.kind
        $q$,
        _list, _home, _table, _schema, _keys, _position
    ) USING _settled, _most;
END;
$$;

DO $$
DECLARE
    _function text;
BEGIN
    FOREACH _function IN ARRAY ARRAY[
        'rebuild_home_v1', 'rebuild_begin_v1', 'rebuild_missing_v1',
        'rebuild_index_v1', 'rebuild_switch_v1', 'rebuild_drop_v1'
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
