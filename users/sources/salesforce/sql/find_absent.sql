-- Finds the linked records that no page of a run had.
-- Parameters: sobject, run_id.  Returns: record ids.
-- Pages keep arrays: a row a page costs a full reading nothing, a row a record would.
SELECT l.sf_id
FROM users_salesforcelink AS l
WHERE
    l.sobject = %(sobject)s
    AND l.state = 'linked'
    AND NOT EXISTS (
        SELECT FROM (
            SELECT unnest(s.sf_ids) AS sf_id
            FROM users_salesforceseen AS s
            WHERE s.run_id = %(run_id)s
        ) AS seen
        WHERE seen.sf_id = l.sf_id
    )
ORDER BY l.sf_id
