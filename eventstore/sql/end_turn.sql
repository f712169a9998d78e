-- Ends a turn, or goes on with it where somebody wanted it meanwhile.
-- Parameters: name; seconds, as of take_turn.
-- Returns: whether to go on.
UPDATE eventstore_turn
SET
    held_until = CASE
        WHEN is_wanted
            THEN clock_timestamp() + make_interval(secs => %(seconds)s)
        ELSE clock_timestamp()
    END,
    is_wanted = FALSE
WHERE name = %(name)s
RETURNING held_until > clock_timestamp() AS goes_on
