-- Leases up to *size* buckets of a subscription that lie behind the watermark, the
-- furthest behind first.  The row lock is the lease: it ends with the transaction, so
-- a killed worker frees its buckets at once; buckets held by others are skipped.
-- Parameters: subscription, watermark, size; failed = those that failed last time, or
-- those that did not; stuck = buckets to leave alone.  Returns: bucket, position.
SELECT
    bucket,
    position
FROM eventstore_checkpoint
WHERE
    subscription = %(subscription)s
    AND position < %(watermark)s
    AND (failed_at IS NOT NULL) = %(failed)s
    AND bucket <> all(%(stuck)s::smallint[])
ORDER BY position, bucket
LIMIT %(size)s
FOR UPDATE SKIP LOCKED
