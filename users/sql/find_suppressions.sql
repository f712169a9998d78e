-- Reads which of these values are suppressed.  Carried by suppressed_once.
-- Parameters: namespace, digests.
SELECT digest
FROM users_suppression
WHERE
    namespace = %(namespace)s
    AND digest = ANY(%(digests)s::bytea[])
