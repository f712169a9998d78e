-- Moves the checkpoints of buckets in which nothing happened, but for those that others
-- hold, that failed, or that stand before the first event that was looked at.
-- Parameters: subscription, watermark; buckets, in which something happened; after, the
-- position from which on the log was read.  Returns: a row for each that moved.
WITH quiet AS (
    SELECT bucket
    FROM eventstore_checkpoint
    WHERE
        subscription = %(subscription)s
        AND bucket <> all(%(buckets)s::smallint[])
        AND position >= %(after)s
        AND position < %(watermark)s
        AND NOT EXISTS (
            SELECT FROM eventstore_pause AS p
            WHERE p.subscription = %(subscription)s
        )
        AND failed_at IS NULL
    ORDER BY bucket
    FOR UPDATE SKIP LOCKED
)

UPDATE eventstore_checkpoint AS c
SET
    position = %(watermark)s,
    moved_at = now()
FROM quiet
WHERE
    c.subscription = %(subscription)s
    AND c.bucket = quiet.bucket
RETURNING c.bucket
