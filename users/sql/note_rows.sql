-- Lets links know the rows that said nothing new: they are passed by next time.
-- Parameters: sf_ids and digests, side by side.  A link of nobody stays as it is.
WITH held AS (
    -- In one order for everybody, so that nobody is deadlocked.
    SELECT
        l.sf_id,
        told.digest
    FROM unnest(%(sf_ids)s::text[], %(digests)s::text[]) AS told (sf_id, digest)
    INNER JOIN users_salesforcelink AS l ON told.sf_id = l.sf_id
    WHERE l.state <> 'ignored'
    ORDER BY l.sf_id
    FOR UPDATE OF l
)

UPDATE users_salesforcelink AS l
SET digest = held.digest
FROM held
WHERE l.sf_id = held.sf_id
