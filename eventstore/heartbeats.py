"""When a worker last looked at each subscription, whether there was work or not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models.functions import Now
from django.utils import timezone

from eventstore.models import Heartbeat

BEAT_SECONDS = 1.0  # two beats are no closer, however many workers there are


def beat(name: str) -> None:
    """Say that a worker is at *name*."""
    since = timezone.now() - timedelta(seconds=BEAT_SECONDS)
    if Heartbeat.objects.filter(subscription=name, beaten_at__gt=since).exists():
        return
    Heartbeat.objects.bulk_create(
        [Heartbeat(subscription=name, beaten_at=Now())],
        update_conflicts=True,
        unique_fields=["subscription"],
        update_fields=["beaten_at"],
    )


def last() -> dict[str, datetime]:
    """Return the last beat of each subscription that has one.  One query."""
    return dict(Heartbeat.objects.values_list("subscription", "beaten_at"))
