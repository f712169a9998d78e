-- Writes imported events; positions were drawn by draw_positions_v1 in the same
-- transaction.  Every row is checked before: COPY computes no leaf.
COPY events (
    position,
    stream,
    version,
    event_id,
    type,
    schema_version,
    data,
    actor,
    source,
    correlation_id,
    causation_id,
    metadata,
    recorded_at,
    occurred_at,
    salt,
    leaf
) FROM STDIN
