-- Counts uses and tells how the limit stands.
-- Parameters: key; most uses a window; seconds, its length; uses, how many now.
SELECT
    spent,
    resets_in
FROM spend_quota_v2(
    %(key)s,
    %(most)s::integer,
    %(seconds)s::double precision,
    %(uses)s::integer
)
