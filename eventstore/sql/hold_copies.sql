-- Lists rebuilds in some states, and keeps them from being filled, switched or dropped
-- until the transaction ends; several may hold them at once.
-- Parameters: states.  Returns: subscription, state.
SELECT
    subscription,
    state
FROM eventstore_rebuild
WHERE state = any(%(states)s)
ORDER BY id
FOR SHARE
