"""When a worker last looked at each subscription, whether there was work or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models.functions import Now

from eventstore.models import Heartbeat

BEAT_SECONDS = 1.0  # two beats are no closer, however many workers there are


def beat(*names: str) -> None:
    """Say that a worker is at the subscriptions of these names, at least one."""
    since = Now() - timedelta(seconds=BEAT_SECONDS)
    fresh = Heartbeat.objects.filter(subscription__in=names, beaten_at__gt=since)
    if stale := set(names) - set(fresh.values_list("subscription", flat=True)):
        _beat(sorted(stale))  # in one order for all workers: nobody is deadlocked


def _beat(names: Sequence[str]) -> None:
    Heartbeat.objects.bulk_create(
        [Heartbeat(subscription=name, beaten_at=Now()) for name in names],
        update_conflicts=True,
        unique_fields=["subscription"],
        update_fields=["beaten_at"],
    )


def last() -> dict[str, datetime]:
    """Return the last beat of each subscription that has one.  One query."""
    return dict(Heartbeat.objects.values_list("subscription", "beaten_at"))
