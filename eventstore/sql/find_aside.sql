-- Finds which of some streams a subscription has set aside.
-- Parameters: subscription, streams.  Carried by the index of open letters.
SELECT stream
FROM eventstore_deadletter
WHERE
    subscription = %(subscription)s
    AND closed_at IS NULL
    AND stream = ANY(%(streams)s::text[])
