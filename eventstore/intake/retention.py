"""How long what was received is kept: bodies so many days, the rest for ever."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from eventstore.intake import raw

CHUNK = 500  # bodies a transaction


def expire() -> int:
    """Delete the bodies older than ``INGEST_RETENTION_DAYS``; return how many.

    Safe to run at any time, twice, and beside others.
    """
    days = settings.INGEST_RETENTION_DAYS
    if days <= 0:
        return 0
    before = timezone.now() - timedelta(days=days)
    count = 0
    while expired := raw.expire(before=before, limit=CHUNK):
        count += expired
    return count
