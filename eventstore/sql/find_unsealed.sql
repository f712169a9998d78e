-- Finds the first event of a stream that tells of a person in clear.
-- Parameters: stream; types = names of the event types with personal fields.
SELECT position FROM events
WHERE
    stream = %(stream)s
    AND type = any(%(types)s::text[])
    AND NOT data ? 'sealed'
ORDER BY version
LIMIT 1
