-- Writes links of Salesforce's records, new or changed.
-- Parameters: one array entry a link, in one order for everybody.
INSERT INTO users_salesforcelink (
    sf_id, sobject, user_id, said, stamp, modified, state, master_id, run_id, digest
)
SELECT
    n.sf_id,
    n.sobject,
    n.user_id,
    n.said,
    n.stamp,
    n.modified,
    n.state,
    n.master_id,
    n.run_id,
    n.digest
FROM unnest(
    %(sf_ids)s::text[],
    %(sobjects)s::text[],
    %(user_ids)s::uuid[],
    %(said)s::text[]::jsonb[],
    %(stamps)s::timestamptz[],
    %(modified)s::timestamptz[],
    %(states)s::text[],
    %(master_ids)s::text[],
    %(run_ids)s::uuid[],
    %(digests)s::text[]
) WITH ORDINALITY AS n (
    sf_id, sobject, user_id, said, stamp, modified, state, master_id, run_id, digest,
    place
)
ORDER BY n.place
ON CONFLICT (sf_id) DO UPDATE
SET
    user_id = excluded.user_id,
    said = excluded.said,
    stamp = excluded.stamp,
    modified = excluded.modified,
    state = excluded.state,
    master_id = excluded.master_id,
    run_id = excluded.run_id,
    digest = excluded.digest
