-- Takes a turn, or tells whoever has it that it is wanted once more.
-- A turn is held until an instant that is near: one that is far away was written by a
-- clock that has been set back since, and counts for nothing.
-- Parameters: name; holder, an id of our own; seconds, how long a turn is one's own
-- without a sign of life.
-- Returns: whether the turn is ours now.
INSERT INTO eventstore_turn AS t (name, holder, held_until, is_wanted)
VALUES (
    %(name)s,
    %(holder)s::uuid,
    statement_timestamp() + make_interval(secs => %(seconds)s),
    FALSE
)
ON CONFLICT (name) DO UPDATE SET
    is_wanted = t.held_until > statement_timestamp()
    AND t.held_until <= excluded.held_until,
    holder = CASE
        WHEN
            t.held_until > statement_timestamp()
            AND t.held_until <= excluded.held_until
            THEN t.holder
        ELSE excluded.holder
    END,
    held_until = CASE
        WHEN
            t.held_until > statement_timestamp()
            AND t.held_until <= excluded.held_until
            THEN t.held_until
        ELSE excluded.held_until
    END
RETURNING NOT t.is_wanted AS is_mine
