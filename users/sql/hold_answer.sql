-- Tries to hold a key until the transaction ends.  A statement of its own: the next one
-- sees what the last holder committed.
-- Parameters: locks and number, the two halves of an advisory lock.
SELECT pg_try_advisory_xact_lock(%(locks)s::integer, %(number)s::integer)
