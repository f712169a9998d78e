-- Plans the three database roles (ADR-0021): what is missing, as statements to run.
-- Parameters: none.  Returns: statements, in the order to run them; none when done.
-- Planned from the catalogues, so that running it twice changes nothing and "check"
-- is the same query as "do".
WITH wanted (rolname, login) AS (
    VALUES
    ('annals_owner', 'NOLOGIN'),
    ('annals_migrate', 'LOGIN'),
    ('annals_app', 'LOGIN')
),

members AS (
    SELECT
        o.rolname AS granted,
        m.rolname AS member
    FROM pg_auth_members AS a
    INNER JOIN pg_roles AS o ON a.roleid = o.oid
    INNER JOIN pg_roles AS m ON a.member = m.oid
),

steps (place, statement) AS (
    SELECT
        1,
        format('CREATE ROLE %I %s', w.rolname, w.login)
    FROM wanted AS w
    WHERE w.rolname NOT IN (SELECT r.rolname FROM pg_roles AS r)
    UNION ALL
    SELECT
        2,
        format(
            'ALTER ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION'
            ' NOBYPASSRLS',
            w.rolname, w.login
        )
    FROM wanted AS w
    INNER JOIN pg_roles AS r ON w.rolname = r.rolname
    WHERE
        r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication
        OR r.rolbypassrls OR r.rolcanlogin <> (w.login = 'LOGIN')
    UNION ALL
    SELECT
        3,
        format('REVOKE %I FROM annals_app', m.granted)
    FROM members AS m
    WHERE
        m.member = 'annals_app'
        AND m.granted IN (
            'annals_owner', 'annals_migrate', 'pg_write_all_data',
            'pg_write_server_files', 'pg_execute_server_program'
        )
    UNION ALL
    SELECT
        4,
        'GRANT annals_owner TO annals_migrate'
    WHERE NOT EXISTS (
        SELECT FROM members AS m
        WHERE m.granted = 'annals_owner' AND m.member = 'annals_migrate'
    )
    UNION ALL
    -- What a migration makes belongs to the owner, not to the role that logged in.
    SELECT
        5,
        'ALTER ROLE annals_migrate SET role = annals_owner'
    WHERE NOT EXISTS (
        SELECT FROM pg_db_role_setting AS s
        INNER JOIN pg_roles AS r ON s.setrole = r.oid
        WHERE
            r.rolname = 'annals_migrate'
            AND s.setdatabase = 0
            AND 'role=annals_owner' = any(s.setconfig)
    )
)

SELECT statement FROM steps
ORDER BY place, statement
