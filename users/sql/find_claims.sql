-- Reads which streams hold these values.  Carried by claim_held_once.
-- Parameters: namespace, digests.
SELECT
    digest,
    stream
FROM users_claim
WHERE
    namespace = %(namespace)s
    AND digest = ANY(%(digests)s::bytea[])
