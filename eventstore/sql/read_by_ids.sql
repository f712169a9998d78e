-- Reads events by their ids, in order of position.  Carried by events_event_id_key.
-- Parameters: event_ids.
SELECT
    position,
    stream,
    version,
    event_id,
    type,
    schema_version,
    data::text AS data,
    actor,
    source,
    correlation_id,
    causation_id,
    metadata::text AS metadata,
    recorded_at,
    occurred_at
FROM events
WHERE event_id = any(%(event_ids)s::uuid[])
ORDER BY position
