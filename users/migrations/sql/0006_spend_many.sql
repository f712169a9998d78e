-- Counts several uses of a quota at once and tells how much is spent.
-- Parameters: key, most uses a window, length of a window in seconds, how many.
-- Returns: uses in the open window, never more than one above the most; seconds left.
-- Uses that do not fit spend what is left: whoever asks for less waits as well.
CREATE FUNCTION spend_quota_v2(
    _key bytea, _most integer, _seconds double precision, _uses integer
) RETURNS TABLE (spent integer, resets_in double precision)
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO users_quota AS q (key, used, resets_at)
    VALUES (
        _key,
        least(_uses, _most + 1),
        clock_timestamp() + make_interval(secs => _seconds)
    )
    ON CONFLICT (key) DO UPDATE SET
        used = CASE
            WHEN q.resets_at <= excluded.resets_at - make_interval(secs => _seconds)
                THEN excluded.used
            ELSE least(q.used + _uses, _most + 1)
        END,
        resets_at = CASE
            WHEN q.resets_at <= excluded.resets_at - make_interval(secs => _seconds)
                THEN excluded.resets_at
            ELSE q.resets_at
        END
    RETURNING q.used, extract(EPOCH FROM q.resets_at - clock_timestamp())
$$;
