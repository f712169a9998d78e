-- Finds every way in which the log could be changed, or lost, by the application.
-- Parameters: role = the application's role; NULL means whoever asks.
-- Returns: code of the hole, what it is about; none when there is no hole, or no log.
-- Reads the catalogues only, so any role may ask.
WITH log AS (
    SELECT c.*
    FROM pg_class AS c
    WHERE c.oid = to_regclass('events')
),

app AS (
    SELECT
        r.*,
        pg_has_role(r.oid, l.relowner, 'MEMBER') AS is_owner
    FROM pg_roles AS r
    CROSS JOIN log AS l
    WHERE r.rolname = coalesce(%(role)s::text, current_user)
),

routines AS (
    SELECT
        p.*,
        p.prosrc ILIKE '%%insert into events%%' AS is_writer
    FROM pg_proc AS p
    INNER JOIN log AS l ON p.pronamespace = l.relnamespace
),

grants AS (
    SELECT
        g.place,
        a.privilege_type AS privilege,
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS who
    FROM (
        SELECT
            'grant' AS place,
            l.relacl AS acl,
            l.relowner AS holder
        FROM log AS l
        UNION ALL
        SELECT
            'grant',
            c.attacl,
            l.relowner
        FROM log AS l
        INNER JOIN pg_attribute AS c ON l.oid = c.attrelid
        UNION ALL
        SELECT
            'sequence_grant',
            s.relacl,
            s.relowner
        FROM log AS l
        INNER JOIN pg_class AS s ON s.oid = to_regclass('events_position_seq')
        UNION ALL
        SELECT
            'vault_grant',
            v.relacl,
            v.relowner
        FROM log AS l
        INNER JOIN pg_class AS v ON v.relnamespace = to_regnamespace('vault')
        UNION ALL
        SELECT
            'raw_grant',
            r.relacl,
            r.relowner
        FROM log AS l
        INNER JOIN pg_class AS r
            ON r.oid IN (
                to_regclass('raw_records'), to_regclass('raw_records_id_seq')
            )
        UNION ALL
        SELECT
            'raw_grant',
            c.attacl,
            l.relowner
        FROM log AS l
        INNER JOIN pg_attribute AS c ON c.attrelid = to_regclass('raw_records')
    ) AS g
    CROSS JOIN LATERAL aclexplode(g.acl) AS a
    WHERE a.grantee <> g.holder AND a.privilege_type <> 'SELECT'
)

SELECT
    'superuser' AS code,
    a.rolname::text AS subject
FROM app AS a
WHERE a.rolsuper
UNION ALL
SELECT
    'owner',
    a.rolname
FROM app AS a
WHERE a.is_owner AND NOT a.rolsuper
UNION ALL
SELECT
    'database_owner',
    a.rolname
FROM app AS a
CROSS JOIN log AS l
INNER JOIN pg_namespace AS n ON l.relnamespace = n.oid
INNER JOIN pg_database AS d ON d.datname = current_database()
WHERE
    NOT a.is_owner
    AND (
        pg_has_role(a.oid, n.nspowner, 'MEMBER')
        OR pg_has_role(a.oid, d.datdba, 'MEMBER')
    )
UNION ALL
SELECT
    'attribute',
    w.name || ' of ' || a.rolname
FROM app AS a
CROSS JOIN LATERAL (
    VALUES
    ('REPLICATION', a.rolreplication),
    ('BYPASSRLS', a.rolbypassrls),
    ('CREATEROLE', a.rolcreaterole)
) AS w (name, is_set)
WHERE w.is_set AND NOT a.rolsuper
UNION ALL
SELECT
    'member',
    w.rolname || ' to ' || a.rolname
FROM app AS a
INNER JOIN pg_roles AS w
    ON w.rolname IN (
        'pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program'
    )
WHERE pg_has_role(a.oid, w.oid, 'MEMBER') AND NOT a.rolsuper
UNION ALL
SELECT
    'create',
    n.nspname
FROM app AS a
CROSS JOIN log AS l
INNER JOIN pg_namespace AS n ON l.relnamespace = n.oid
WHERE
    has_schema_privilege(a.oid, n.oid, 'CREATE')
    AND NOT a.is_owner
    AND NOT pg_has_role(a.oid, n.nspowner, 'MEMBER')
UNION ALL
SELECT
    g.place,
    string_agg(DISTINCT g.privilege, ', ') || ' to ' || g.who
FROM grants AS g
GROUP BY g.place, g.who
UNION ALL
-- BEFORE, for each statement, on UPDATE, DELETE and TRUNCATE, whatever the columns.
SELECT
    'trigger',
    'events_are_immutable'
FROM log AS l
WHERE NOT EXISTS (
    SELECT FROM pg_trigger AS t
    INNER JOIN pg_proc AS p ON t.tgfoid = p.oid
    WHERE
        t.tgrelid = l.oid
        AND t.tgenabled = 'A'
        AND t.tgtype = 58
        AND t.tgqual IS NULL
        AND p.proname = 'refuse_event_change_v1'
)
UNION ALL
-- FOR EACH ROW BEFORE UPDATE; FOR EACH STATEMENT BEFORE DELETE OR TRUNCATE.
SELECT
    'vault_trigger',
    w.name
FROM log AS l
CROSS JOIN (
    VALUES
    ('subject_key_stays_destroyed', 19),
    ('subject_key_is_never_deleted', 42)
) AS w (name, kind)
WHERE
    to_regclass('vault.subject_key') IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM pg_trigger AS t
        INNER JOIN pg_proc AS p ON t.tgfoid = p.oid
        WHERE
            t.tgrelid = to_regclass('vault.subject_key')
            AND t.tgname = w.name
            AND t.tgenabled = 'A'
            AND t.tgtype = w.kind
            AND t.tgqual IS NULL
            AND p.proname = 'refuse_key_change_v1'
    )
UNION ALL
-- As above: FOR EACH ROW BEFORE UPDATE; BEFORE DELETE OR TRUNCATE.
SELECT
    'raw_trigger',
    w.name
FROM log AS l
CROSS JOIN (
    VALUES
    ('raw_record_is_immutable', 19),
    ('raw_record_is_never_deleted', 42)
) AS w (name, kind)
WHERE
    to_regclass('raw_records') IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM pg_trigger AS t
        INNER JOIN pg_proc AS p ON t.tgfoid = p.oid
        WHERE
            t.tgrelid = to_regclass('raw_records')
            AND t.tgname = w.name
            AND t.tgenabled = 'A'
            AND t.tgtype = w.kind
            AND t.tgqual IS NULL
            AND p.proname = 'refuse_raw_change_v1'
    )
UNION ALL
SELECT
    'strange_trigger',
    t.tgname
FROM log AS l
INNER JOIN pg_trigger AS t ON l.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgname <> 'events_are_immutable'
UNION ALL
SELECT
    'foreign_key',
    c.conrelid::regclass::text || '.' || c.conname
FROM log AS l
INNER JOIN pg_constraint AS c
    ON c.contype = 'f' AND (l.oid = c.conrelid OR l.oid = c.confrelid)
UNION ALL
SELECT
    'rule',
    r.rulename
FROM log AS l
INNER JOIN pg_rewrite AS r ON l.oid = r.ev_class
UNION ALL
SELECT
    'inherits',
    i.inhrelid::regclass::text
FROM log AS l
INNER JOIN pg_inherits AS i ON l.oid = i.inhparent OR l.oid = i.inhrelid
UNION ALL
SELECT
    'row_security',
    'events'
FROM log AS l
WHERE l.relrowsecurity
UNION ALL
SELECT
    'invoker',
    r.proname::text
FROM routines AS r
WHERE r.is_writer AND NOT r.prosecdef
UNION ALL
SELECT
    'search_path',
    r.proname::text
FROM routines AS r
INNER JOIN pg_namespace AS n ON r.pronamespace = n.oid
WHERE
    r.prosecdef
    AND format('search_path=pg_catalog, %%I, pg_temp', n.nspname)
    <> all(coalesce(r.proconfig, '{}'))
UNION ALL
SELECT
    'public_execute',
    r.proname::text
FROM routines AS r
WHERE
    (r.is_writer OR r.prosecdef)
    AND (
        r.proacl IS NULL
        OR EXISTS (SELECT FROM aclexplode(r.proacl) AS a WHERE a.grantee = 0)
    )
UNION ALL
SELECT
    'sequence_cache',
    s.seqcache::text
FROM pg_sequence AS s
WHERE s.seqrelid = to_regclass('events_position_seq') AND s.seqcache <> 1
UNION ALL
SELECT
    'setting',
    w.name
FROM log AS l
CROSS JOIN (
    VALUES
    ('data_checksums'),
    ('fsync'),
    ('full_page_writes'),
    ('synchronous_commit')
) AS w (name)
WHERE current_setting(w.name) = 'off'
UNION ALL
SELECT
    'role_setting',
    a.rolname
FROM app AS a
INNER JOIN pg_db_role_setting AS s ON s.setrole IN (0, a.oid)
WHERE 'synchronous_commit=off' = any(s.setconfig)
ORDER BY code, subject
