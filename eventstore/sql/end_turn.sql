-- Ends a turn of ours, or goes on with it where somebody wanted it meanwhile.
-- Parameters: name and holder; seconds, as of take_turn.
-- Returns: whether to go on; no row where somebody else has the turn by now.
UPDATE eventstore_turn
SET
    held_until = CASE
        WHEN is_wanted
            THEN statement_timestamp() + make_interval(secs => %(seconds)s)
        ELSE to_timestamp(0)
    END,
    is_wanted = FALSE
WHERE
    name = %(name)s
    AND holder = %(holder)s::uuid
RETURNING held_until > to_timestamp(0) AS goes_on
