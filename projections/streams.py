"""The heads of all streams, and how many events each hour brought (ADR-0034).

One projection fills both tables: the version of a stream's head says which events were
counted already, so applying a batch twice counts it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Sum

from eventstore import wire
from eventstore.events import RecordedEvent
from eventstore.read_models import Table
from eventstore.subscriptions import Projection
from projections.models import Activity, StreamHead

PAGE = 50  # streams
HOURS = 24  # told of on the dashboard
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """How many events one hour brought."""

    begins_at: datetime
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What the last hours brought.

    Attributes:
        hours: Oldest first, the current one last; those without events, too.
        most: Events of the busiest.
        total: Of all of them.
        sources: Source and events, the most first.
        types: Type and events, the most first.
    """

    hours: Sequence[Hour]
    most: int
    total: int
    sources: Sequence[tuple[str, int]]
    types: Sequence[tuple[str, int]]


def apply(events: Sequence[RecordedEvent]) -> None:
    """Write a batch in one statement."""
    if not events:
        return
    parameters: dict[str, Any] = {
        "streams": [event.stream for event in events],
        "versions": [event.version for event in events],
        "types": [event.type for event in events],
        "sources": [event.source for event in events],
        "instants": [event.recorded_at for event in events],
        "positions": [event.position for event in events],
    }
    wire.call("projections.fold_streams", parameters)


def heads(
    *, category: str = "", before: int | None = None, limit: int = PAGE
) -> list[StreamHead]:
    """Return the streams that changed last, newest first.  O(limit) at any depth.

    Args:
        category: Only of this one.
        before: Only those whose last event lies below this position.
        limit: At most so many.
    """
    found = StreamHead.objects.order_by("-position")
    if category:
        found = found.filter(category=category)
    if before is not None:
        found = found.filter(position__lt=before)
    return list(found[:limit])


def recent(now: datetime, *, hours: int = HOURS) -> Recent:
    """Return what the last *hours* brought, the current one included.  One query."""
    current = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = current - (hours - 1) * HOUR
    rows = (
        Activity.objects.filter(hour__gte=first, hour__lte=current)
        .values_list("hour", "source", "type")
        .annotate(Sum("events"))
    )
    by_hour: dict[datetime, int] = {first + n * HOUR: 0 for n in range(hours)}
    by_source: dict[str, int] = {}
    by_type: dict[str, int] = {}
    for hour, source, type_name, events in rows:
        by_hour[hour] += events
        by_source[source] = by_source.get(source, 0) + events
        by_type[type_name] = by_type.get(type_name, 0) + events
    return Recent(
        hours=[Hour(begins_at=at, events=events) for at, events in by_hour.items()],
        most=max(by_hour.values()),
        total=sum(by_hour.values()),
        sources=_most(by_source),
        types=_most(by_type),
    )


def by_hour(
    since: datetime,
    until: datetime,
    *,
    types: Sequence[str],
    sources: Sequence[str],
) -> dict[datetime, int]:
    """Return how many events each hour brought, by when the hour began.

    One query; O(hours, and the types and sources of each).

    Args:
        since: When the first hour began, aware.
        until: Only hours that began before, aware.
        types: Only these; empty for all.
        sources: Only these; empty for all.
    """
    rows = Activity.objects.filter(hour__gte=since, hour__lt=until)
    if types:
        rows = rows.filter(type__in=types)
    if sources:
        rows = rows.filter(source__in=sources)
    counted = rows.values_list("hour").annotate(Sum("events"))
    return dict(counted.order_by())


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


STREAMS = Projection(
    name="streams",
    apply=apply,
    tables=(
        Table(model=StreamHead, key=("stream",)),
        Table(model=Activity, key=("hour", "source", "type")),
    ),
)
