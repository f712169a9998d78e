-- Finds which records are linked, and whether each says what it said last, by the
-- digest of its row.  Where something waits to be right again each row is read: the
-- record is without a user, or one of its attributes is in conflict.
-- Parameters: sf_ids and digests, side by side.  Carried by the primary key.
SELECT
    l.sf_id,
    told.digest = l.digest
    AND l.state <> 'conflict'
    AND NOT EXISTS (
        SELECT FROM users_salesforceconflict AS c
        WHERE c.sf_id = l.sf_id AND c.resolved_at IS NULL
    ) AS is_same
FROM unnest(%(sf_ids)s::text[], %(digests)s::text[]) AS told (sf_id, digest)
INNER JOIN users_salesforcelink AS l ON told.sf_id = l.sf_id
