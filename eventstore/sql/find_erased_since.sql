-- Finds the streams whose persons were erased after a position, final or not.
-- Parameters: types = names of the event types that erase; after.
-- Carried by events_type.
SELECT DISTINCT stream
FROM events
WHERE type = any(%(types)s::text[]) AND position > %(after)s
ORDER BY stream
