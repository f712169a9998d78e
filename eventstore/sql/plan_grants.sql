-- Plans ownership and grants in this database (ADR-0021), as statements to run.
-- Parameters: none; the three roles exist.  Returns: statements, in the order to run
-- them; none when done.
-- On a sealed relation nobody but the owner keeps more than SELECT.  Default
-- privileges give the application what a later migration makes, so a new table needs
-- no second visit; a new sealed one does, which is why migrate runs this, too.
WITH space AS (
    SELECT
        n.oid,
        n.nspname,
        n.nspacl,
        n.nspowner
    FROM pg_namespace AS n
    WHERE
        n.nspname IN (
            current_schema(), 'vault', 'rebuild_next', 'rebuild_kept'
        )
),

relations AS (
    SELECT
        c.oid,
        c.relkind,
        c.relowner,
        c.relacl,
        s.nspname = 'vault'
        OR c.relname = any(
            ARRAY[
                'events', 'events_position_seq', 'django_migrations',
                'raw_records', 'raw_records_id_seq'
            ]
        ) AS is_sealed,
        c.oid IN (
            SELECT d.objid FROM pg_depend AS d
            WHERE
                d.classid = 'pg_class'::regclass
                AND d.refclassid = 'pg_class'::regclass
                AND d.deptype IN ('a', 'i')
        ) AS follows_its_table,
        CASE
            WHEN c.relkind = 'S' THEN 'SEQUENCE'
            WHEN c.relkind = 'v' THEN 'VIEW'
            WHEN c.relkind = 'm' THEN 'MATERIALIZED VIEW'
            ELSE 'TABLE'
        END AS kind
    FROM pg_class AS c
    INNER JOIN space AS s ON c.relnamespace = s.oid
    WHERE
        c.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE
                d.classid = 'pg_class'::regclass
                AND d.objid = c.oid
                AND d.deptype = 'e'
        )
),

routines AS (
    SELECT
        p.oid,
        p.proowner,
        p.proacl,
        p.prosecdef
    FROM pg_proc AS p
    INNER JOIN space AS s ON p.pronamespace = s.oid
    WHERE NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE
            d.classid = 'pg_proc'::regclass
            AND d.objid = p.oid
            AND d.deptype = 'e'
    )
),

surplus AS (
    SELECT
        r.oid,
        r.kind,
        a.grantee,
        string_agg(DISTINCT a.privilege_type, ', ') AS privileges
    FROM relations AS r
    CROSS JOIN LATERAL (
        SELECT t.* FROM aclexplode(r.relacl) AS t
        UNION ALL
        SELECT t.*
        FROM pg_attribute AS c
        CROSS JOIN LATERAL aclexplode(c.attacl) AS t
        WHERE c.attrelid = r.oid
    ) AS a
    WHERE
        r.is_sealed
        AND a.privilege_type <> 'SELECT'
        AND a.grantee NOT IN (r.relowner, 'annals_owner'::regrole)
    GROUP BY r.oid, r.kind, a.grantee
),

defaults AS (
    SELECT
        d.defaclobjtype,
        d.defaclnamespace,
        bool_or(a.grantee = 'annals_app'::regrole) AS is_given,
        bool_or(a.grantee = 0) AS is_public
    FROM pg_default_acl AS d
    CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
    WHERE d.defaclrole = 'annals_owner'::regrole
    GROUP BY d.defaclobjtype, d.defaclnamespace
),

steps (place, statement) AS (
    SELECT
        1,
        format('ALTER DATABASE %I OWNER TO annals_owner', d.datname)
    FROM pg_database AS d
    WHERE d.datname = current_database() AND d.datdba <> 'annals_owner'::regrole
    UNION ALL
    SELECT
        1,
        format('GRANT CONNECT ON DATABASE %I TO %s', current_database(), r.name)
    FROM (VALUES ('annals_app'), ('annals_migrate')) AS r (name)
    WHERE NOT has_database_privilege(r.name, current_database(), 'CONNECT')
    UNION ALL
    SELECT
        2,
        format('ALTER SCHEMA %I OWNER TO annals_owner', s.nspname)
    FROM space AS s
    WHERE
        s.nspowner NOT IN ('annals_owner'::regrole, 'pg_database_owner'::regrole)
    UNION ALL
    SELECT
        3,
        format(
            'REVOKE CREATE ON SCHEMA %I FROM %s',
            s.nspname,
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE 'annals_app' END
        )
    FROM space AS s
    CROSS JOIN LATERAL aclexplode(s.nspacl) AS a
    WHERE
        a.privilege_type = 'CREATE'
        AND a.grantee IN (0, 'annals_app'::regrole)
    UNION ALL
    SELECT
        4,
        format('GRANT USAGE ON SCHEMA %I TO annals_app', s.nspname)
    FROM space AS s
    WHERE NOT has_schema_privilege('annals_app', s.oid, 'USAGE')
    UNION ALL
    SELECT
        5,
        format('ALTER %s %s OWNER TO annals_owner', r.kind, r.oid::regclass)
    FROM relations AS r
    WHERE r.relowner <> 'annals_owner'::regrole AND NOT r.follows_its_table
    UNION ALL
    SELECT
        5,
        format('ALTER ROUTINE %s OWNER TO annals_owner', r.oid::regprocedure)
    FROM routines AS r
    WHERE r.proowner <> 'annals_owner'::regrole
    UNION ALL
    SELECT
        6,
        format(
            'REVOKE %s ON %s %s FROM %s CASCADE',
            s.privileges,
            CASE WHEN s.kind = 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END,
            s.oid::regclass,
            CASE WHEN s.grantee = 0 THEN 'PUBLIC' ELSE s.grantee::regrole::text END
        )
    FROM surplus AS s
    UNION ALL
    SELECT
        6,
        format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', r.oid::regprocedure)
    FROM routines AS r
    WHERE
        r.prosecdef
        AND (
            r.proacl IS NULL
            OR EXISTS (SELECT FROM aclexplode(r.proacl) AS a WHERE a.grantee = 0)
        )
    UNION ALL
    SELECT
        7,
        format('GRANT EXECUTE ON ROUTINE %s TO annals_app', r.oid::regprocedure)
    FROM routines AS r
    WHERE NOT EXISTS (
        SELECT FROM aclexplode(r.proacl) AS a
        WHERE a.grantee = 'annals_app'::regrole
    )
    UNION ALL
    SELECT
        7,
        format(
            'GRANT %s ON %s %s TO annals_app',
            string_agg(w.privilege, ', ' ORDER BY w.place),
            CASE WHEN r.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
            r.oid::regclass
        )
    FROM relations AS r
    CROSS JOIN LATERAL unnest(
        CASE
            WHEN r.is_sealed OR r.relkind IN ('v', 'm') THEN ARRAY['SELECT']
            WHEN r.relkind = 'S' THEN ARRAY['SELECT', 'USAGE', 'UPDATE']
            ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']
        END
    ) WITH ORDINALITY AS w (privilege, place)
    WHERE
        NOT CASE
            WHEN r.relkind = 'S'
                THEN has_sequence_privilege('annals_app', r.oid, w.privilege)
            ELSE has_table_privilege('annals_app', r.oid, w.privilege)
        END
    GROUP BY r.oid, r.relkind
    UNION ALL
    SELECT
        8,
        format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE annals_owner IN SCHEMA %I'
            ' GRANT %s TO annals_app',
            s.nspname, w.grants
        )
    FROM space AS s
    CROSS JOIN (
        VALUES
        ('r', 'SELECT, INSERT, UPDATE, DELETE ON TABLES'),
        ('S', 'SELECT, USAGE, UPDATE ON SEQUENCES')
    ) AS w (kind, grants)
    WHERE s.nspname <> 'vault' AND NOT EXISTS (
        SELECT FROM defaults AS d
        WHERE
            d.defaclobjtype = w.kind::"char"
            AND d.defaclnamespace = s.oid
            AND d.is_given
    )
    UNION ALL
    -- A definer function of a later migration must not be born open to everybody.
    SELECT
        8,
        'ALTER DEFAULT PRIVILEGES FOR ROLE annals_owner ' || w.grants
    FROM (
        VALUES
        ('GRANT EXECUTE ON FUNCTIONS TO annals_app'),
        ('REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC')
    ) AS w (grants)
    WHERE NOT EXISTS (
        SELECT FROM defaults AS d
        WHERE
            d.defaclobjtype = 'f'
            AND d.defaclnamespace = 0
            AND d.is_given
            AND NOT d.is_public
    )
)

SELECT statement FROM steps
ORDER BY place, statement
