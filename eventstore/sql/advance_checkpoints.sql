-- Moves leased checkpoints, each only from the position its lease saw.
-- Parameters: subscription, buckets, positions (seen), position (new).
-- Returns: a row for each that moved; fewer than leased: somebody else moved one.
UPDATE eventstore_checkpoint AS c
SET
    position = %(position)s::bigint,
    moved_at = now(),
    error = '',
    failed_at = NULL
FROM unnest(%(buckets)s::smallint[], %(positions)s::bigint[]) AS l (bucket, position)
WHERE
    c.subscription = %(subscription)s
    AND c.bucket = l.bucket
    AND c.position = l.position
RETURNING c.bucket
