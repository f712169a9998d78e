"""When a worker last looked at each subscription, whether there was work or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F
from django.db.models.functions import Now

from eventstore import wire
from eventstore.models import Heartbeat

BEAT_SECONDS = 1.0  # two beats are no closer, however many workers there are


@dataclass(frozen=True, slots=True)
class Beat:
    """The last beat of a subscription, and its age by the clock that wrote it."""

    at: datetime
    age_seconds: float


def beat(*names: str) -> None:
    """Say that a worker is at the subscriptions of these names.  One query."""
    wanted = {"subscriptions": list(names), "seconds": BEAT_SECONDS}
    wire.rows("beat", wanted)


def last() -> dict[str, Beat]:
    """Return the last beat of each subscription that has one.  One query."""
    aged = Heartbeat.objects.annotate(age=Now() - F("beaten_at"))
    return {
        name: Beat(at, age.total_seconds())
        for name, at, age in aged.values_list("subscription", "beaten_at", "age")
    }
