-- Finds those of some names that no stream of the log has.
-- Parameters: streams.  Returns: stream.  One look at an index each.
SELECT n.stream
FROM unnest(%(streams)s::text[]) AS n (stream)
WHERE
    NOT EXISTS (
        SELECT FROM events AS e
        WHERE e.stream = n.stream
    )
