-- Finds which event ids are stored already, and as what.
-- Parameters: event_ids.  Returns: event_id, stream, version, leaf.
-- Carried by events_event_id_key.
SELECT
    event_id,
    stream,
    version,
    leaf
FROM events
WHERE event_id = any(%(event_ids)s::uuid[])
