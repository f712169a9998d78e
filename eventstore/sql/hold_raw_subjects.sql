-- Lets nobody else forget or settle records of these subjects until the transaction
-- ends; in one order for everybody, so that nobody is deadlocked.
-- Parameters: lock, subjects.
SELECT count(pg_advisory_xact_lock(%(lock)s::integer, held.hash)) AS held
FROM (
    SELECT DISTINCT hashtext(each.subject) AS hash
    FROM unnest(%(subjects)s::text[]) AS each (subject)
    ORDER BY hash
) AS held
