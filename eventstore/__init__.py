"""The event store: knows streams and positions, knows nothing of users.

Read it in this order: events (what a fact is), codec (its stored form), hashing (its
leaf), store (the only door to the log), aggregate and repository (state as a fold),
subscriptions (how everything downstream keeps up), effects (what the outside feels),
doorbell (why it is quick).
"""
