-- Counts uses and tells how the limit stands.
-- Parameters: key; most uses a window; seconds, its length; uses, how many now;
-- is_alone, whether the statement is its transaction, which then waits for no disk.
SELECT
    spent,
    resets_in,
    CASE
        WHEN %(is_alone)s::boolean
            THEN set_config('synchronous_commit', 'off', true)
    END AS synchronous_commit
FROM spend_quota_v2(
    %(key)s,
    %(most)s::integer,
    %(seconds)s::double precision,
    %(uses)s::integer
)
