-- Counts one use of a quota and tells how much is spent.
-- Parameters: key, most uses a window, length of a window in seconds.
-- Returns: uses in the open window, never more than one above the most; seconds left.
-- One upsert, so that uses at one moment are all counted.  Unlogged: no WAL, no flush
-- at commit.  Half of each page is free, so that counting moves no row.
ALTER TABLE users_quota SET UNLOGGED;
ALTER TABLE users_quota SET (fillfactor = 50);

CREATE FUNCTION spend_quota_v1(
    _key bytea, _most integer, _seconds double precision
) RETURNS TABLE (spent integer, resets_in double precision)
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO users_quota AS q (key, used, resets_at)
    VALUES (_key, 1, clock_timestamp() + make_interval(secs => _seconds))
    ON CONFLICT (key) DO UPDATE SET
        used = CASE
            WHEN q.resets_at <= excluded.resets_at - make_interval(secs => _seconds)
                THEN 1
            ELSE least(q.used, _most) + 1
        END,
        resets_at = CASE
            WHEN q.resets_at <= excluded.resets_at - make_interval(secs => _seconds)
                THEN excluded.resets_at
            ELSE q.resets_at
        END
    RETURNING q.used, extract(EPOCH FROM q.resets_at - clock_timestamp())
$$;
