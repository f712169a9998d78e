-- The application appends without the right to write (ADR-0021): the function runs as
-- the owner of the log.  Its search_path is pinned, pg_temp last, so that no table of
-- the caller's can stand in for events.  Who may call it is granted, not assumed.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION append_events_v2 SECURITY DEFINER'
        ' SET search_path = pg_catalog, %I, pg_temp',
        current_schema()
    );
END;
$$;

REVOKE EXECUTE ON FUNCTION append_events_v2 FROM public;
