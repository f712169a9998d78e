-- Reads what is kept of one API token, live or not.  Carried by the primary key.
-- Parameters: digest.
SELECT
    digest,
    token_id,
    name,
    scopes,
    created_at,
    expires_at,
    revoked_at,
    last_used_at
FROM users_apitoken
WHERE digest = %(digest)s
