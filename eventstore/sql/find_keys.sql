-- Finds the keys of subjects.  Carried by subject_key's primary key.
-- Parameters: subjects.  Returns: none for a subject that never had one; wrapped_key
-- NULL for one whose key was destroyed.
SELECT
    subject,
    key_id,
    epoch,
    wrapped_key
FROM vault.subject_key
WHERE subject = any(%(subjects)s::text[])
