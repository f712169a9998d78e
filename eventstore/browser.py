"""The log as staff and clients page through it: filters, keyset pages, totals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from eventstore import sql, store, wire
from eventstore.events import RecordedEvent
from eventstore.models import StoredEvent
from eventstore.reading import COLUMNS, recorded
from eventstore.searching import (
    ABOVE,
    BELOW,
    EventFilter,
    search,
    search_from,
)

Rows = list[tuple[Any, ...]]

EXACT_BELOW = 100_000  # rows; above, a count costs more than it tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of the log, oldest first.

    Attributes:
        reached: No matching event up to here is missing: go on after it.
        is_full: Whether there may be more already.
    """

    events: Sequence[RecordedEvent]
    reached: int
    is_full: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """One page of the log, newest first.

    Attributes:
        newer: Position to ask above of for newer events; None when there are none.
        older: Position to ask below of for older events; None when there are none.
        is_cut: Whether the search stopped before it had found enough events: what
            matches is rare, and there may be more of it, or none.
        mark: Watermark: nothing above it was looked at.
    """

    events: Sequence[RecordedEvent]
    newer: int | None
    older: int | None
    is_cut: bool
    mark: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """What lies next to a time in which nothing matches, but for the time.

    Attributes:
        earlier: The last match recorded before the time; None where none was found.
        later: The first recorded after it.
    """

    earlier: RecordedEvent | None = None
    later: RecordedEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much the log holds.

    Attributes:
        events: Number of events; an estimate of the planner when *is_estimate*.
        head: Watermark: the position up to which everything is final.
    """

    events: int
    is_estimate: bool
    head: int


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
    mark: int | None = None,
) -> EventPage:
    """Return up to *limit* events next to a position, newest first.

    In order of position; with ``since`` or ``until`` in order of ``recorded_at``, then
    position (ADR-0020).  Only events below the watermark: without these two, none can
    appear later in a page already shown.

    What several columns are asked at once may be rare, or nowhere.  So a call looks at
    a bounded number of events, whatever the size of the log, and says from where to go
    on (ADR-0027).

    Args:
        matching: Which events.
        before: The page ends just below the event at this position.
        after: The page begins just above it; *before* wins over it.
        limit: At most so many.
        mark: A watermark read just before; None has it read here.
    """
    mark = store.watermark() if mark is None else mark
    is_upward = after is not None and before is None
    place, side = (after, ABOVE) if is_upward else (before, BELOW)
    if place is None:
        is_behind = False
        found, edge = search(matching, mark, None, side, limit + 1)
    else:
        found, edge, is_behind = search_from(matching, mark, place, side, limit + 1)
    has_more = len(found) > limit
    rows = found[:limit]
    beyond = rows[-1][0] if has_more else edge
    behind = rows[0][0] if rows and is_behind else None
    return EventPage(
        events=recorded(rows[::-1] if is_upward else rows),
        newer=beyond if is_upward else behind,
        older=behind if is_upward else beyond,
        is_cut=not has_more and edge is not None,
        mark=mark,
    )


def nearest(matching: EventFilter, mark: int) -> Nearest:
    """Return the matches next to the time that *matching* asks for.

    Each side costs as a page of one event; one that is farther than such a page looks
    is not found (ADR-0027).

    Args:
        matching: Which events; nothing is near where it asks for no time.
        mark: As in :func:`page`.
    """
    since, until = matching.since, matching.until
    earlier = since and _first(replace(matching, since=None, until=since), mark, BELOW)
    later = until and _first(replace(matching, since=until, until=None), mark, ABOVE)
    return Nearest(earlier=earlier or None, later=later or None)


def _first(matching: EventFilter, mark: int, side: str) -> RecordedEvent | None:
    rows, _edge = search(matching, mark, None, side, 1)
    return next(iter(recorded(rows)), None)


def following(matching: EventFilter, *, after: int, limit: int) -> Stretch:
    """Return the first events above a position, in order of position.

    Only what is below the watermark, so that whoever goes on after ``reached`` misses
    nothing (ADR-0004).  A stretch may be full and hold few events, or none (ADR-0027).

    Args:
        matching: Which events.
        after: Position, exclusive.
        limit: At most so many events.
    """
    mark = store.watermark()
    whenever = replace(matching, since=None, until=None)  # in order of position
    rows, edge = search(whenever, mark, after, ABOVE, limit)
    is_full = len(rows) == limit or edge is not None
    if len(rows) == limit:
        edge = rows[-1][0]
    return Stretch(
        events=[event for event in recorded(rows) if matching.lets_through(event)],
        reached=max(mark, after) if edge is None else edge,
        is_full=is_full,
    )


def ascending(
    matching: EventFilter, *, after: int | None, mark: int, limit: int
) -> Stretch:
    """Return the first events behind a position, in the order of :func:`page`, turned.

    Whoever goes on after ``reached`` as long as ``is_full`` sees each event once, and
    what was recorded meanwhile lies above *mark*.

    Args:
        matching: Which events.
        after: ``reached`` of the stretch before; None at the beginning.
        mark: Only positions up to this one, which a watermark has passed.
        limit: At most so many events.
    """
    edge: int | None = None
    if matching == EventFilter():
        # The whole log, which may be long: past the steps of Django's cursor.
        asked = {"after": after or 0, "until": mark, "size": limit}
        rows = wire.rows("read_on", asked)
    else:
        rows, edge = search(matching, mark, after, ABOVE, limit)
    if len(rows) == limit:
        edge = rows[-1][0]
    return Stretch(
        events=recorded(rows),
        reached=mark if edge is None else edge,
        is_full=edge is not None,
    )


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
        limit: At most so many events: half of them to each side of the instant, and
            what one side lacks from the other.
    """
    mark = store.watermark()
    near = StoredEvent.objects.filter(position__lte=mark)
    earlier = near.filter(recorded_at__lte=instant, recorded_at__gte=instant - window)
    later = near.filter(recorded_at__gt=instant, recorded_at__lte=instant + window)
    low = list(_by_time(earlier, "-")[: limit + 1].values_list(*COLUMNS))
    high = list(_by_time(later, "")[: limit + 1].values_list(*COLUMNS))
    is_cut = len(low) + len(high) > limit
    low, high = _nearest(low, high, limit)
    return Around(
        position=position_at(instant),
        events=recorded([*low[::-1], *high]),
        is_cut=is_cut,
    )


def event_at(position: int) -> RecordedEvent | None:
    """Return the event at *position*, or None when there is none."""
    rows = StoredEvent.objects.filter(position=position).values_list(*COLUMNS)
    return next(iter(recorded(rows)), None)


def events_at(positions: Collection[int]) -> dict[int, RecordedEvent]:
    """Return the events at these positions, by position.  One query."""
    rows = StoredEvent.objects.filter(position__in=positions).values_list(*COLUMNS)
    return {each.position: each for each in recorded(rows)}


def reaches(position: int) -> bool:
    """Whether an event was recorded at *position* or above."""
    return StoredEvent.objects.filter(position__gte=position).exists()


def totals() -> Totals:
    """Return how much the log holds.  One query, no scan of much."""
    asked: dict[str, Any] = {"exact_below": EXACT_BELOW}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("count_log"), asked)
        estimate, head, exact = cursor.fetchone()
    return Totals(
        events=estimate if exact is None else exact,
        is_estimate=exact is None,
        head=head,
    )


def _by_time(events: QuerySet[StoredEvent], sign: str) -> QuerySet[StoredEvent]:
    return events.order_by(f"{sign}recorded_at", f"{sign}position")


def event_with_id(event_id: UUID) -> RecordedEvent | None:
    """Return the event whose id is *event_id*, or None when there is none."""
    rows = StoredEvent.objects.filter(event_id=event_id).values_list(*COLUMNS)
    return next(iter(recorded(rows)), None)


def is_known(field: str, value: str) -> bool:
    """Return whether an event has this *field*: ``stream``, ``actor`` or ``source``.

    One probe of an index.
    """
    return StoredEvent.objects.filter(**{field: value}).exists()


def neighbours(event: RecordedEvent) -> tuple[int | None, int | None, int]:
    """Return the positions of the events before and after in the stream, and the mark.

    One query, the watermark included.
    """
    asked: dict[str, Any] = {"stream": event.stream, "version": event.version}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("find_neighbours"), asked)
        previous, following, mark = cursor.fetchone()
    return previous, following, mark


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
    matching: EventFilter,
    instant: datetime,
    window: timedelta,
    *,
    limit: int,
    mark: int | None = None,
) -> Sides:
    """Return what *matching* lets through around an instant.

    Read as :func:`page` reads: a query for each side and type, and one.

    Args:
        matching: Which events.
        instant: Aware.
        window: To each side, inclusive.
        limit: At most so many events: half of them to each side, and what one side
            lacks from the other.
        mark: As in :func:`page`.
    """
    mark = store.watermark() if mark is None else mark
    after = instant + timedelta.resolution
    before = _within(matching, instant - window, after)
    beyond = _within(matching, after, instant + window + timedelta.resolution)
    low, low_edge = search(before, mark, None, BELOW, limit + 1)
    high, high_edge = search(beyond, mark, None, ABOVE, limit + 1)
    has_more = len(low) + len(high) > limit
    low, high = _nearest(low, high, limit)
    events = recorded([*high[::-1], *low])
    return Sides(
        later=events[: len(high)],
        earlier=events[len(high) :],
        is_cut=has_more or (low_edge, high_edge) != (None, None),
    )


def _nearest(earlier: Rows, later: Rows, limit: int) -> tuple[Rows, Rows]:
    """Cut both, nearest first, to *limit* together; the odd one is an earlier one."""
    share = limit - min(len(later), limit // 2)
    earlier = earlier[:share]
    return earlier, later[: limit - len(earlier)]


def _within(matching: EventFilter, since: datetime, until: datetime) -> EventFilter:
    return replace(
        matching,
        since=max(since, matching.since or since),
        until=min(until, matching.until or until),
    )
