-- Returns the positions of the events before and after a version of a stream, NULL
-- where there is none, and the watermark.  Two probes of the stream's index.
-- Parameters: stream, version.
SELECT
    (
        SELECT e.position
        FROM events AS e
        WHERE e.stream = %(stream)s AND e.version = %(version)s - 1
    ) AS previous,
    (
        SELECT e.position
        FROM events AS e
        WHERE e.stream = %(stream)s AND e.version = %(version)s + 1
    ) AS following,
    events_watermark_v1() AS mark
