-- Fills an empty log: three years of a back office, without true leaves.
-- Parameters: size, events.
-- Streams have five events; every thousandth event is of one long stream.  Status
-- changes never come from salesforce, UserTagged ended after a tenth of the log,
-- UserErased is rare: filters that a page of the log has to answer all the same.
WITH numbered AS (
    SELECT
        i,
        mod(i - 1, 5) + 1 AS version,
        abs(mod(hashint8(i), 100)) AS chance,
        abs(mod(hashint8(-i), 100)) AS way,
        now() + (i - %(size)s) * (interval '3 years' / %(size)s) AS instant
    FROM generate_series(1, %(size)s::bigint) AS g (i)
),

typed AS (
    SELECT
        *,
        CASE
            WHEN version = 1 THEN 'UserCreated'
            WHEN mod(i, %(size)s / 10) = 7 THEN 'UserErased'
            WHEN chance < 10 AND i < %(size)s / 10 THEN 'UserTagged'
            WHEN chance < 50 THEN 'UserNameChanged'
            WHEN chance < 80 THEN 'UserEmailChanged'
            ELSE 'UserStatusChanged'
        END AS type
    FROM numbered
),

sourced AS (
    SELECT
        *,
        CASE
            WHEN way < 55 THEN 'rest'
            WHEN way < 85 AND type <> 'UserStatusChanged' THEN 'salesforce'
            ELSE 'admin'
        END AS source
    FROM typed
)

INSERT INTO events (
    position,
    stream,
    version,
    event_id,
    type,
    schema_version,
    data,
    actor,
    source,
    correlation_id,
    metadata,
    recorded_at,
    occurred_at,
    salt,
    leaf
)
SELECT
    i,
    CASE
        WHEN mod(i, 1000) = 0 THEN 'user-long'
        ELSE 'user-' || md5('stream ' || (i - 1) / 5)::uuid
    END,
    CASE WHEN mod(i, 1000) = 0 THEN i / 1000 ELSE version END,
    (lpad(to_hex(i), 16, '0') || left(md5(i::text), 16))::uuid,
    type,
    1,
    jsonb_build_object('old_name', 'Ada Byron ' || i, 'new_name', 'Ada King ' || i),
    CASE
        WHEN source = 'salesforce' THEN 'integration:salesforce'
        WHEN source = 'admin' THEN 'staff:ada' || mod(chance, 50)
        WHEN mod(chance, 10) < 7 THEN 'client:crm'
        ELSE 'client:shop'
    END,
    source,
    md5('conversation ' || i / 2)::uuid,
    jsonb_build_object('request_id', md5(i::text)),
    instant,
    instant,
    decode(md5(i::text), 'hex'),
    sha256(int8send(i))
FROM sourced
