-- Says that a worker is at some subscriptions, but for those of which it was just said.
-- In one order for all workers: nobody is deadlocked.
-- Parameters: subscriptions; seconds, between two beats.
-- Returns: a row for each that was written.
INSERT INTO eventstore_heartbeat AS h (subscription, beaten_at)
SELECT
    n.name,
    statement_timestamp() AS beaten_at
FROM unnest(%(subscriptions)s::text[]) AS n (name)
WHERE
    NOT EXISTS (
        SELECT FROM eventstore_heartbeat AS fresh
        WHERE
            fresh.subscription = n.name
            AND fresh.beaten_at
            > statement_timestamp() - make_interval(secs => %(seconds)s)
    )
ORDER BY n.name
ON CONFLICT (subscription) DO UPDATE SET
    beaten_at = excluded.beaten_at
RETURNING h.subscription
