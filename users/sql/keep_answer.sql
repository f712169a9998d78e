-- Keeps an answer; an expired one that nobody has pruned yet makes room.
-- Parameters: digest, fingerprint, status, headers (JSON text), body, expires_at.
INSERT INTO users_keptanswer AS kept
(digest, fingerprint, status, headers, body, expires_at)
VALUES (
    %(digest)s,
    %(fingerprint)s,
    %(status)s::smallint,
    %(headers)s::jsonb,
    %(body)s,
    %(expires_at)s::timestamptz
)
ON CONFLICT (digest) DO UPDATE
SET
    fingerprint = excluded.fingerprint,
    status = excluded.status,
    headers = excluded.headers,
    body = excluded.body,
    expires_at = excluded.expires_at
