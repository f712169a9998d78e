-- Finds which records are linked, and whether each says what it said last, by the
-- digest of its row.
-- Parameters: sf_ids and digests, side by side.  Carried by the primary key.
SELECT
    l.sf_id,
    told.digest = l.digest AS is_same
FROM unnest(%(sf_ids)s::text[], %(digests)s::text[]) AS told (sf_id, digest)
INNER JOIN users_salesforcelink AS l ON told.sf_id = l.sf_id
