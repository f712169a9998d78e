-- Takes the floor lock and draws positions for events that this transaction commits.
-- Parameters: count.  Returns: so many positions, ascending, gaps allowed.
SELECT position
FROM draw_positions_v1(%(count)s) AS d (position)
ORDER BY position
