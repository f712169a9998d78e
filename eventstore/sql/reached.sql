-- Returns where each subscription stands: name; the position of the bucket that is
-- furthest behind; an error that stops one of them, or ''; open dead letters; digest of
-- the code that filled its read model, or ''.
SELECT
    c.subscription,
    min(c.position) AS position,
    max(c.error) AS error,
    (
        SELECT count(*)
        FROM eventstore_deadletter AS d
        WHERE
            d.subscription = c.subscription
            AND d.closed_at IS NULL
    ) AS letters,
    coalesce((
        SELECT p.digest
        FROM eventstore_projectioncode AS p
        WHERE p.subscription = c.subscription
    ), '') AS filled_by
FROM eventstore_checkpoint AS c
GROUP BY c.subscription
