-- Moves leased checkpoints, each only from the position its lease saw.
-- Parameters: subscription, buckets, positions (seen), position (new).
-- The number of rows is the answer: fewer than leased means somebody else moved one.
UPDATE eventstore_checkpoint AS c
SET
    position = %(position)s,
    moved_at = now(),
    error = '',
    failed_at = NULL
FROM unnest(%(buckets)s::smallint[], %(positions)s::bigint[]) AS l (bucket, position)
WHERE
    c.subscription = %(subscription)s
    AND c.bucket = l.bucket
    AND c.position = l.position
