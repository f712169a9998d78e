-- Fills an empty directory and its history: three years of people.
-- Parameters: size, people.
-- Everybody was created; every second one was suspended a day later.  The log itself is
-- not filled: lists read none of it.
CREATE TEMPORARY TABLE people AS
SELECT
    i,
    md5('person ' || i)::uuid AS user_id,
    'Given' || abs(mod(hashint8(i), 300))
    || ' Family' || abs(mod(hashint8(-i), 20000)) AS name,
    'person' || i || '@example'
    || CASE WHEN mod(i, 100) = 0 THEN '.org' ELSE '.com' END AS email,
    (ARRAY['rest', 'salesforce', 'admin'])[
        1 + CASE WHEN mod(i, 1000) = 0 THEN 2 ELSE mod(i, 2) END
    ] AS source,
    now() - interval '1 week'
    + (i - %(size)s) * (interval '3 years' / %(size)s) AS created_at,
    mod(i, 2) = 0 AS was_suspended
FROM generate_series(1, %(size)s::bigint) AS g (i);

INSERT INTO projections_directoryentry (
    user_id,
    name,
    email,
    status,
    source,
    created_at,
    updated_at,
    version,
    position
)
SELECT
    user_id,
    name,
    email,
    CASE WHEN was_suspended THEN 'suspended' ELSE 'active' END,
    source,
    created_at,
    created_at + CASE WHEN was_suspended THEN interval '1 day' ELSE interval '0' END,
    CASE WHEN was_suspended THEN 2 ELSE 1 END,
    2 * i + CASE WHEN was_suspended THEN 1 ELSE 0 END
FROM people;

INSERT INTO projections_userperiod (
    user_id,
    name,
    email,
    status,
    source,
    created_at,
    updated_at,
    version,
    position,
    recorded,
    valid
)
SELECT
    people.user_id,
    people.name,
    people.email,
    CASE WHEN period.version = 2 THEN 'suspended' ELSE 'active' END,
    people.source,
    people.created_at,
    people.created_at + (period.version - 1) * interval '1 day',
    period.version,
    2 * people.i + period.version - 1,
    period.span,
    period.span
FROM people
CROSS JOIN LATERAL (
    VALUES
    (
        1,
        tstzrange(
            people.created_at,
            CASE
                WHEN people.was_suspended THEN people.created_at + interval '1 day'
            END
        )
    ),
    (2, tstzrange(people.created_at + interval '1 day', NULL))
) AS period (version, span)
WHERE period.version = 1 OR people.was_suspended;

DROP TABLE people;
