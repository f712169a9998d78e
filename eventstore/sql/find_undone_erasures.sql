-- Finds subjects that an event erased and whose key is not destroyed.
-- Parameters: types = names of the event types that erase.
-- Carried by events_type and the primary key of vault.subject_key.
SELECT DISTINCT e.stream
FROM events AS e
LEFT JOIN vault.subject_key AS k ON e.stream = k.subject
WHERE
    e.type = any(%(types)s::text[])
    AND k.destroyed_at IS NULL
ORDER BY e.stream
