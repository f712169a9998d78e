-- Takes a turn, or tells whoever has it that it is wanted once more.
-- Parameters: name; seconds, how long a turn is one's own without a sign of life.
-- Returns: whether the turn is ours now.
INSERT INTO eventstore_turn AS t (name, held_until, is_wanted)
VALUES (
    %(name)s,
    clock_timestamp() + make_interval(secs => %(seconds)s),
    FALSE
)
ON CONFLICT (name) DO UPDATE SET
    is_wanted = t.held_until > clock_timestamp(),
    held_until = CASE
        WHEN t.held_until > clock_timestamp() THEN t.held_until
        ELSE excluded.held_until
    END
RETURNING NOT t.is_wanted AS is_mine
