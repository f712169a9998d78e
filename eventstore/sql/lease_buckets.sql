-- Leases up to *size* healthy buckets of a subscription that lie behind the watermark,
-- the furthest behind first.  The row lock is the lease: it ends with the transaction,
-- so a killed worker frees its buckets at once; buckets held by others are skipped.
-- Parameters: subscription, watermark, size.  Returns: bucket, position.
SELECT
    bucket,
    position
FROM eventstore_checkpoint
WHERE
    subscription = %(subscription)s
    AND position < %(watermark)s
    AND NOT EXISTS (
        SELECT FROM eventstore_pause AS p
        WHERE p.subscription = %(subscription)s
    )
    AND failed_at IS NULL
ORDER BY position, bucket
LIMIT %(size)s
FOR UPDATE SKIP LOCKED
