-- Finds the records that say what they said last, by the digest of their row.
-- Parameters: sf_ids and digests, side by side.  Carried by the primary key.
SELECT l.sf_id
FROM unnest(%(sf_ids)s::text[], %(digests)s::text[]) AS told (sf_id, digest)
INNER JOIN users_salesforcelink AS l
    ON told.sf_id = l.sf_id AND told.digest = l.digest
