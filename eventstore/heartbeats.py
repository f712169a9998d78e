"""When a worker last looked at each subscription, whether there was work or not.

And when the schedule last had one of them sweep.
"""

from __future__ import annotations

from eventstore import wire

SCHEDULE = "(schedule)"  # beats with each sweep; no subscription is called so
BEAT_SECONDS = 1.0  # two beats are no closer, however many workers there are


def beat(*names: str) -> None:
    """Say that a worker is at the subscriptions of these names.  One query."""
    wanted = {"subscriptions": list(names), "seconds": BEAT_SECONDS}
    wire.rows("beat", wanted)
