-- Moves the heads of streams on, and counts the events that moved them; an event that a
-- head has seen already changes nothing.  One statement, so both see the same heads.
-- A counter has a row for each bucket of streams: workers with different buckets never
-- wait for each other's.
-- Parameters: streams, versions, types, sources, instants (recorded), positions.
WITH given AS (
    SELECT g.*
    FROM unnest(
        %(streams)s::text[],
        %(versions)s::bigint[],
        %(types)s::text[],
        %(sources)s::text[],
        %(instants)s::timestamptz[],
        %(positions)s::bigint[]
    ) AS g (stream, version, type, source, recorded_at, position)
),

fresh AS (
    SELECT g.*
    FROM given AS g
    LEFT JOIN projections_streamhead AS h ON g.stream = h.stream
    WHERE g.version > coalesce(h.version, 0)
),

heads AS (
    INSERT INTO projections_streamhead AS h (
        stream, category, version, type, first_at, last_at, position
    )
    SELECT DISTINCT ON (f.stream)
        f.stream,
        split_part(f.stream, '-', 1) AS category,
        f.version,
        f.type,
        first_value(f.recorded_at) OVER life AS first_at,
        f.recorded_at AS last_at,
        f.position
    FROM fresh AS f
    WINDOW life AS (PARTITION BY f.stream ORDER BY f.version)
    ORDER BY f.stream ASC, f.version DESC
    ON CONFLICT (stream) DO UPDATE
        SET
            version = excluded.version,
            type = excluded.type,
            last_at = excluded.last_at,
            position = excluded.position
)

INSERT INTO projections_activity AS a (
    hour, source, type, bucket, events, position
)
SELECT
    date_trunc('hour', f.recorded_at, 'UTC') AS hour,
    f.source,
    f.type,
    event_bucket_v1(f.stream) AS bucket,
    count(*) AS events,
    max(f.position) AS position
FROM fresh AS f
GROUP BY
    date_trunc('hour', f.recorded_at, 'UTC'),
    f.source,
    f.type,
    event_bucket_v1(f.stream)
ON CONFLICT (hour, source, type, bucket) DO UPDATE
    SET
        events = a.events + excluded.events,
        position = greatest(a.position, excluded.position)
