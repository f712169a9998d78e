-- Finds the newest events that no operator caused, the newest that operators caused,
-- and the newest of one more type.
-- Parameters: operators (types); alone (a type); size (of the first two); until
-- (watermark).
-- Returns: kind (events, acts or alone), then the columns of an event; in no order.
-- A loose index scan finds the types that the log holds, then each gives its newest few
-- from events_type: ten million log-ins in a row cost what ten do.
WITH RECURSIVE types AS (
    (SELECT type FROM events ORDER BY type LIMIT 1)
    UNION ALL
    SELECT
        (
            SELECT e.type FROM events AS e
            WHERE e.type > t.type ORDER BY e.type LIMIT 1
        ) AS type
    FROM types AS t
    WHERE t.type IS NOT NULL
),

near AS (
    SELECT
        e.position,
        t.type = %(alone)s AND e.place = 1 AS is_alone,
        t.type = any(%(operators)s::text[]) AS is_act
    FROM types AS t
    CROSS JOIN LATERAL (
        SELECT
            n.position,
            row_number() OVER (ORDER BY n.position DESC) AS place
        FROM events AS n
        WHERE n.type = t.type AND n.position <= %(until)s
        ORDER BY n.position DESC
        LIMIT %(size)s
    ) AS e
),

ranked AS (
    SELECT
        position,
        is_alone,
        is_act,
        row_number() OVER (PARTITION BY is_act ORDER BY position DESC) AS place
    FROM near
),

wanted AS (
    SELECT
        position,
        CASE WHEN is_act THEN 'acts' ELSE 'events' END AS kind
    FROM ranked
    WHERE place <= %(size)s
    UNION ALL
    SELECT
        position,
        'alone' AS kind
    FROM ranked
    WHERE is_alone
)

SELECT
    w.kind,
    e.position,
    e.stream,
    e.version,
    e.event_id,
    e.type,
    e.schema_version,
    e.data,
    e.actor,
    e.source,
    e.correlation_id,
    e.causation_id,
    e.metadata,
    e.recorded_at,
    e.occurred_at
FROM wanted AS w
INNER JOIN events AS e ON w.position = e.position
