-- The application appends without the right to write (ADR-0021): the functions run as
-- the owner of the log.  Their search_path is pinned, pg_temp last, so that no table of
-- the caller's can stand in for events.  Who may call them is granted, not assumed.
DO $$
DECLARE
    _function text;
BEGIN
    FOREACH _function IN ARRAY ARRAY['append_event_v2', 'append_events_v2'] LOOP
        EXECUTE format(
            'ALTER FUNCTION %I SECURITY DEFINER'
            ' SET search_path = pg_catalog, %I, pg_temp',
            _function, current_schema()
        );
    END LOOP;
END;
$$;

REVOKE EXECUTE ON FUNCTION append_event_v2 FROM public;
REVOKE EXECUTE ON FUNCTION append_events_v2 FROM public;
