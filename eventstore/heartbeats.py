"""When a worker last looked at each subscription, whether there was work or not."""

from __future__ import annotations

from datetime import datetime

from eventstore import wire
from eventstore.models import Heartbeat

BEAT_SECONDS = 1.0  # two beats are no closer, however many workers there are


def beat(*names: str) -> None:
    """Say that a worker is at the subscriptions of these names.  One query."""
    wanted = {"subscriptions": list(names), "seconds": BEAT_SECONDS}
    wire.rows("beat", wanted)


def last() -> dict[str, datetime]:
    """Return the last beat of each subscription that has one.  One query."""
    return dict(Heartbeat.objects.values_list("subscription", "beaten_at"))
