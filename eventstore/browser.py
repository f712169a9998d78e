"""The log as staff and clients page through it: filters, keyset pages, totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from eventstore import store
from eventstore.events import RecordedEvent
from eventstore.models import StoredEvent

COLUMNS = (
    "position",
    "stream",
    "version",
    "event_id",
    "type",
    "schema_version",
    "data",
    "actor",
    "source",
    "correlation_id",
    "causation_id",
    "metadata",
    "recorded_at",
    "occurred_at",
)
EXACT_BELOW = 100_000  # rows; above, a count costs more than it tells


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events to show; everything given must hold, None and empty ask nothing.

    Attributes:
        types: Any of these stored names.
        since: Recorded at or after, aware.
        until: Recorded before, aware.
    """

    stream: str = ""
    types: Sequence[str] = ()
    actor: str = ""
    source: str = ""
    correlation_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """One page of the log, newest first.

    Attributes:
        newer: Whether there are matching events above the page.
        older: Whether there are matching events below it.
    """

    events: Sequence[RecordedEvent]
    newer: bool
    older: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much the log holds.

    Attributes:
        events: Number of events; an estimate of the planner when *is_estimate*.
        head: Watermark: the position up to which everything is final.
        last_hour: Events recorded in the last 60 minutes.
    """

    events: int
    is_estimate: bool
    head: int
    last_hour: int


def page(
    matching: EventFilter,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> EventPage:
    """Return up to *limit* events next to a position, newest first.

    Only events below the watermark: none can appear later in a page already shown.
    Three queries, whatever the depth.

    Args:
        matching: Which events.
        before: The page ends just below this position.
        after: The page begins just above this position; *before* wins over it.
        limit: At most so many.
    """
    found = _matching(matching).filter(position__lte=store.watermark())
    if after is not None and before is None:
        rows = found.filter(position__gt=after).order_by("position")[: limit + 1]
        shown = list(rows.values_list(*COLUMNS))
        newer, shown = len(shown) > limit, shown[:limit][::-1]
        older = bool(shown) and found.filter(position__lte=after).exists()
    else:
        below = found if before is None else found.filter(position__lt=before)
        shown = list(below.order_by("-position")[: limit + 1].values_list(*COLUMNS))
        older, shown = len(shown) > limit, shown[:limit]
        newer = before is not None and found.filter(position__gte=before).exists()
    return EventPage(
        events=[store.recorded(row) for row in shown], newer=newer, older=older
    )


def event_at(position: int) -> RecordedEvent | None:
    """Return the event at *position*, or None when there is none."""
    row = StoredEvent.objects.filter(position=position).values_list(*COLUMNS).first()
    return None if row is None else store.recorded(row)


def totals() -> Totals:
    """Return how much the log holds.  Two queries, none of them a scan of much."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest(reltuples, 0)::bigint, events_watermark_v1()"
            " FROM pg_class WHERE oid = 'events'::regclass"
        )
        estimate, head = cursor.fetchone()
    is_estimate = estimate > EXACT_BELOW
    recent = Q(recorded_at__gte=timezone.now() - timedelta(hours=1))
    if is_estimate:
        exact, last_hour = 0, StoredEvent.objects.filter(recent).count()
    else:
        counts = StoredEvent.objects.aggregate(
            exact=Count("position"), last_hour=Count("position", filter=recent)
        )
        exact, last_hour = counts["exact"], counts["last_hour"]
    return Totals(
        events=estimate if is_estimate else exact,
        is_estimate=is_estimate,
        head=head,
        last_hour=last_hour,
    )


def _matching(matching: EventFilter) -> QuerySet[StoredEvent]:
    wanted = {
        "stream": matching.stream,
        "type__in": list(matching.types),
        "actor": matching.actor,
        "source": matching.source,
        "correlation_id": matching.correlation_id,
        "recorded_at__gte": matching.since,
        "recorded_at__lt": matching.until,
    }
    return StoredEvent.objects.filter(
        **{lookup: value for lookup, value in wanted.items() if value}
    )
