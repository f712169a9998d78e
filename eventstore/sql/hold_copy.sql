-- Keeps the copy of a read model from being switched or dropped until the transaction
-- ends.  Parameters: subscription, states.  Returns: true, if there is one.
SELECT TRUE AS is_there
FROM eventstore_rebuild
WHERE subscription = %(subscription)s AND state = any(%(states)s)
FOR SHARE
