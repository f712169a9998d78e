-- Makes one missing index of tables that are built; false when there was none.
-- A worker at a time: others get NULL, and make none.
-- Parameters: tables; lock = what to call them.  Returns: true, false or NULL.
SELECT
    CASE
        WHEN pg_try_advisory_xact_lock(7342, hashtext(%(lock)s))
            THEN rebuild_index_v1(%(tables)s)
    END AS is_made
