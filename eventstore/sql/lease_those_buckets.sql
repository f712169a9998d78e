-- Leases those buckets of a subscription that stand where a reader of the log has read
-- on from, or beyond, and that nobody else holds.
-- Parameters: subscription, watermark, buckets, after.  Returns: bucket, position.
SELECT
    bucket,
    position
FROM eventstore_checkpoint
WHERE
    subscription = %(subscription)s
    AND bucket = any(%(buckets)s::smallint[])
    AND position >= %(after)s
    AND position < %(watermark)s
    AND NOT EXISTS (
        SELECT FROM eventstore_pause AS p
        WHERE p.subscription = %(subscription)s
    )
    AND failed_at IS NULL
ORDER BY bucket
FOR UPDATE SKIP LOCKED
