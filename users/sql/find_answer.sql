-- Reads the answer that a key was given, unless it has expired.  Carried by the primary
-- key.
-- Parameters: digest; now.
SELECT
    fingerprint,
    status,
    headers::text AS headers,
    body
FROM users_keptanswer
WHERE
    digest = %(digest)s
    AND expires_at > %(now)s::timestamptz
