-- Finds the events of a stream that have no sealed part and might have one.
-- Parameters: stream; types = names of the event types with personal fields.
SELECT
    position,
    type,
    data::text AS data
FROM events
WHERE
    stream = %(stream)s
    AND type = any(%(types)s::text[])
    AND NOT data ? 'sealed'
ORDER BY version
