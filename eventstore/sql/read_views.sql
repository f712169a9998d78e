-- Reads a person's saved views, by name, up to where everything is final, and how many
-- events there are by the planner's estimate: a page of the log asks for all three, so
-- it need not ask twice (ADR-0052).
-- Parameters: account, its number.  Returns: at least one row, without a view when
-- there is none.  Carried by saved_view_of_account and saved_view_once_a_role.
WITH final AS MATERIALIZED (
    SELECT
        events_watermark_v1() AS mark,
        greatest(c.reltuples, 0)::bigint AS stored
    FROM pg_class AS c
    WHERE c.oid = 'events'::regclass
)

SELECT
    f.mark,
    f.stored,
    v.view_id,
    v.name,
    v.query,
    v.account,
    v.actor,
    v.role_id,
    v.role
FROM final AS f
LEFT JOIN eventstore_savedview AS v
    ON
        v.account = %(account)s
        OR v.role_id = any(
            array(
                SELECT g.group_id FROM auth_user_groups AS g
                WHERE g.user_id = %(account)s
            )
        )
ORDER BY v.name, v.view_id
