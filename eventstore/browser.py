"""The log as staff and clients page through it: filters, keyset pages, totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from eventstore import sql, store
from eventstore.events import RecordedEvent
from eventstore.models import StoredEvent
from eventstore.reading import COLUMNS, recorded

TIME_ORDER = ("recorded_at", "position")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What was recorded around an instant.

    Attributes:
        position: ``position_at`` of the instant; None when the log began later.
        events: In order of ``recorded_at``, then position.
        is_cut: Whether the window holds more; those nearest to the instant are shown.
    """

    position: int | None
    events: Sequence[RecordedEvent]
    is_cut: bool


def page(
    matching: EventFilter,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> EventPage:
    """Return up to *limit* events next to a position, newest first.

    In order of position; with ``since`` or ``until`` in order of ``recorded_at``, then
    position (ADR-0020).  Only events below the watermark: without these two, none can
    appear later in a page already shown.  At most five queries a type asked for,
    whatever the depth.

    Args:
        matching: Which events.
        before: The page ends just below the event at this position.
        after: The page begins just above it; *before* wins over it.
        limit: At most so many.
    """
    parts = _parts(matching)
    mark = store.watermark()
    if after is not None and before is None:
        shown = _beside_of(parts, mark, after, "gt", limit + 1)
        newer, shown = len(shown) > limit, shown[:limit][::-1]
        older = bool(shown) and _is_any(parts, mark, after, "lte")
    else:
        shown = _beside_of(parts, mark, before, "lt", limit + 1)
        older, shown = len(shown) > limit, shown[:limit]
        newer = before is not None and _is_any(parts, mark, before, "gte")
    return EventPage(events=recorded(shown), newer=newer, older=older)


def position_at(instant: datetime) -> int | None:
    """Return the position of the last event recorded at or before *instant*.

    "Last" is the greatest ``recorded_at``; of several, the greatest position.  Most of
    the time that is where the log stood then.  It is only nearly so: an append that
    waited may have a later position and an earlier ``recorded_at``, and imported events
    have late positions and their old ``recorded_at``.  None when the log began later.

    Two queries; one probe of ``events_recorded``.
    """
    parameters: dict[str, Any] = {"instant": instant, "until": store.watermark()}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("find_position_at"), parameters)
        found = cursor.fetchone()
        return found[0] if found else None


def around(instant: datetime, window: timedelta, *, limit: int = 200) -> Around:
    """Return what was recorded within *window* before and after *instant*.

    Args:
        instant: Aware.
        window: To each side, inclusive.
        limit: At most so many events, half of them to each side of the instant.
    """
    mark = store.watermark()
    near = StoredEvent.objects.filter(position__lte=mark)
    half = limit // 2
    earlier = near.filter(recorded_at__lte=instant, recorded_at__gte=instant - window)
    later = near.filter(recorded_at__gt=instant, recorded_at__lte=instant + window)
    low = list(_by_time(earlier, "-")[: half + 1].values_list(*COLUMNS))
    high = list(_by_time(later, "")[: half + 1].values_list(*COLUMNS))
    return Around(
        position=position_at(instant),
        events=recorded([*low[:half][::-1], *high[:half]]),
        is_cut=len(low) > half or len(high) > half,
    )


def event_at(position: int) -> RecordedEvent | None:
    """Return the event at *position*, or None when there is none."""
    rows = StoredEvent.objects.filter(position=position).values_list(*COLUMNS)
    return next(iter(recorded(rows)), None)


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


def _parts(matching: EventFilter) -> list[EventFilter]:
    """Return one filter a type: each is read from its index, and the best are kept."""
    types = dict.fromkeys(matching.types)
    return [replace(matching, types=[each]) for each in types] or [matching]


def _beside_of(
    parts: Sequence[EventFilter], mark: int, place: int | None, side: str, limit: int
) -> list[tuple[Any, ...]]:
    """Return up to *limit* rows of all *parts* next to a position, nearest first."""
    rows: list[tuple[Any, ...]] = []
    sign = "" if side == "gt" else "-"
    for part in parts:
        order = _order(part)
        found = _matching(part).filter(position__lte=mark)
        if place is not None:
            found = _beside(found, order, place, side)
        ordered = found.order_by(*(f"{sign}{field}" for field in order))
        rows += ordered[:limit].values_list(*COLUMNS)
    keys = [COLUMNS.index(field) for field in _order(parts[0]) if field in TIME_ORDER]
    rows.sort(key=lambda row: [row[key] for key in keys], reverse=side == "lt")
    return rows[:limit]


def _is_any(parts: Sequence[EventFilter], mark: int, place: int, side: str) -> bool:
    return any(
        _beside(
            _matching(part).filter(position__lte=mark), _order(part), place, side
        ).exists()
        for part in parts
    )


def _matching(matching: EventFilter) -> QuerySet[StoredEvent]:
    pinned = _pinned(matching)
    wanted = {
        "stream": matching.stream,
        "type__in": list(matching.types),
        "actor": matching.actor,
        "source": matching.source,
        "correlation_id": matching.correlation_id,
        "recorded_at__gte": matching.since,
        "recorded_at__lt": matching.until,
    }
    lookups = {lookup: value for lookup, value in wanted.items() if value}
    if pinned:
        # Equality written as a range keeps the column in the order, and so the planner
        # on its index: it believes that any type is spread evenly over the log.
        ((_lookup, value),) = lookups.items()
        one = value[0] if isinstance(value, list) else value
        lookups = {f"{pinned}__gte": one, f"{pinned}__lte": one}
    return StoredEvent.objects.filter(**lookups)


def _pinned(matching: EventFilter) -> str:
    """Return the column that is the only thing asked, if it has an index of its own."""
    asked = {
        "": matching.stream or matching.correlation_id or _is_timed(matching),
        "type": matching.types,
        "actor": matching.actor,
        "source": matching.source,
    }
    columns = [column for column, value in asked.items() if value]
    return columns[0] if len(columns) == 1 else ""


def _is_timed(matching: EventFilter) -> bool:
    return bool(matching.since or matching.until)


def _order(matching: EventFilter) -> tuple[str, ...]:
    if _is_timed(matching):
        return TIME_ORDER
    pinned = _pinned(matching)
    return (pinned, "position") if pinned else ("position",)


def _beside(
    found: QuerySet[StoredEvent], order: Sequence[str], place: int, relation: str
) -> QuerySet[StoredEvent]:
    """Narrow *found* to one side (``gt``, ``gte``, ``lt``, ``lte``) of a position."""
    here = Q(**{f"position__{relation}": place})
    if order[0] != "recorded_at":
        return found.filter(here)
    at = (
        StoredEvent.objects.filter(position__lte=place)
        .order_by("-position")
        .values_list("recorded_at", flat=True)
        .first()
    )
    if at is None:
        return found if relation.startswith("gt") else found.none()
    side = relation[:2]
    beyond = Q(**{f"recorded_at__{side}": at})
    return found.filter(Q(**{f"recorded_at__{side}e": at}), beyond | here)


def _by_time(events: QuerySet[StoredEvent], sign: str) -> QuerySet[StoredEvent]:
    return events.order_by(f"{sign}recorded_at", f"{sign}position")


def event_with_id(event_id: UUID) -> RecordedEvent | None:
    """Return the event whose id is *event_id*, or None when there is none."""
    rows = StoredEvent.objects.filter(event_id=event_id).values_list(*COLUMNS)
    return next(iter(recorded(rows)), None)


def neighbours(event: RecordedEvent) -> tuple[int | None, int | None]:
    """Return the positions of the events before and after in the stream.  One query."""
    version = event.version
    found = StoredEvent.objects.filter(
        stream=event.stream, version__in=[version - 1, version + 1]
    )
    positions = dict(found.values_list("version", "position"))
    return positions.get(version - 1), positions.get(version + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides of an instant, each newest first.

    Attributes:
        later: Recorded after the instant.
        earlier: Recorded at the instant, or before.
        is_cut: Whether the window holds more; the nearest are here.
    """

    later: Sequence[RecordedEvent]
    earlier: Sequence[RecordedEvent]
    is_cut: bool

    @property
    def events(self) -> list[RecordedEvent]:
        """All of them, newest first."""
        return [*self.later, *self.earlier]


def sides(
    matching: EventFilter, instant: datetime, window: timedelta, *, limit: int
) -> Sides:
    """Return what *matching* lets through around an instant.

    Read as :func:`page` reads: a query for each side and type, and one.

    Args:
        matching: Which events.
        instant: Aware.
        window: To each side, inclusive.
        limit: At most so many events, half of them to each side.
    """
    mark = store.watermark()
    half = limit // 2
    after = instant + timedelta.resolution
    before = _within(matching, instant - window, after)
    beyond = _within(matching, after, instant + window + timedelta.resolution)
    low = _beside_of(_parts(before), mark, None, "lt", half + 1)
    high = _beside_of(_parts(beyond), mark, None, "gt", half + 1)
    events = recorded([*high[:half][::-1], *low[:half]])
    split = len(high[:half])
    return Sides(
        later=events[:split],
        earlier=events[split:],
        is_cut=len(low) > half or len(high) > half,
    )


def _within(matching: EventFilter, since: datetime, until: datetime) -> EventFilter:
    return replace(
        matching,
        since=max(since, matching.since or since),
        until=min(until, matching.until or until),
    )
