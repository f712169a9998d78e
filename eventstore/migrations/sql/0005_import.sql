-- Positions for a bulk import, which writes with COPY and not through append_events_v2.
-- The order of the statements is the proof of the global order (ADR-0004): floor read,
-- floor locked, only then positions drawn.  The caller commits rows under these
-- positions in the same transaction, or none.
CREATE FUNCTION draw_positions_v1(_count integer) RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    _floor bigint;
BEGIN
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO _floor
    FROM events_position_seq AS s;
    PERFORM pg_advisory_xact_lock_shared((16718::bigint << 48) | _floor);
    RETURN QUERY
    SELECT nextval('events_position_seq') FROM generate_series(1, _count);
END;
$$;
