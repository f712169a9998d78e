-- Leases one bucket of a subscription, healthy or not, if nobody else holds it.
-- Parameters: subscription, watermark, bucket.  Returns: bucket, position; or no row.
SELECT
    bucket,
    position
FROM eventstore_checkpoint
WHERE
    subscription = %(subscription)s
    AND bucket = %(bucket)s
    AND position < %(watermark)s
    AND NOT EXISTS (
        SELECT FROM eventstore_pause AS p
        WHERE p.subscription = %(subscription)s
    )
FOR UPDATE SKIP LOCKED
