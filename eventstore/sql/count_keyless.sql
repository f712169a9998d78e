-- Counts the subjects that never had a key in the vault.
-- Parameters: subjects.
SELECT count(*)
FROM unnest(%(subjects)s::text[]) AS s (subject)
WHERE NOT EXISTS (
    SELECT FROM vault.subject_key AS k
    WHERE k.subject = s.subject
)
