-- Scans the keys that one epoch wraps, by subject.  Carried by the primary key: a
-- rewrapping reads all of them anyway, and an index more would be paid by every person.
-- Parameters: epoch; after, a subject, exclusive; size, at most.
SELECT
    subject,
    key_id,
    epoch,
    wrapped_key
FROM vault.subject_key
WHERE epoch = %(epoch)s AND subject > %(after)s
ORDER BY subject
LIMIT %(size)s
