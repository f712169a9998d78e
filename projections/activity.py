"""The counters of activity by source, for the chart of the dashboard (ADR-0034).

Not in :mod:`projections.streams`, whose code decides the rows: a change of that module
asks every installation for a rebuild.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Sum

from projections.models import Activity


def by_source(since: datetime, until: datetime) -> dict[tuple[datetime, str], int]:
    """Return how many events each source brought each hour, by when the hour began.

    One query; O(hours, and the types and sources of each).

    Args:
        since: When the first hour began, aware.
        until: Only hours that began before, aware.
    """
    counted = (
        Activity.objects.filter(hour__gte=since, hour__lt=until)
        .values_list("hour", "source")
        .annotate(Sum("events"))
        .order_by()
    )
    return {(hour, source): events for hour, source, events in counted}
