"""Which events a filter lets through, read in the order of an index (ADR-0027).

Equality is written as a range (``type >= 'A' AND type <= 'A' ORDER BY type, …``): it
keeps the column in the order, and so the planner on the index that leads with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import product
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Value

from eventstore.events import RecordedEvent
from eventstore.models import StoredEvent
from eventstore.reading import COLUMNS

TIME_ORDER = ("recorded_at", "position")
ABOVE, BELOW = "gt", "lt"
REACH = 5_000  # entries that one step may look at, in all indexes it reads
STEPS = 30  # such steps a page

Edge = tuple[Any, ...]  # an event's values in the order, the leading column left out
Found = tuple[list[tuple[Any, ...]], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events to show; everything given must hold, None and empty ask nothing.

    Attributes:
        streams: Any of these.
        types: Any of these stored names.
        actors: Any of these.
        sources: Any of these.
        since: Recorded at or after, aware.
        until: Recorded before, aware.
        from_position: At this position or above; not with a time, whose order is
            another one.
    """

    streams: Sequence[str] = ()
    types: Sequence[str] = ()
    actors: Sequence[str] = ()
    sources: Sequence[str] = ()
    correlation_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    from_position: int | None = None

    def lets_through(self, event: RecordedEvent) -> bool:
        """Say what the database would: whether *event* is one of those asked for."""
        asked = (
            (self.streams, event.stream),
            (self.types, event.type),
            (self.actors, event.actor),
            (self.sources, event.source),
        )
        return (
            all(not wanted or found in wanted for wanted, found in asked)
            and event.position >= (self.from_position or 0)
            and self.correlation_id in {None, event.correlation_id}
            and (self.since is None or event.recorded_at >= self.since)
            and (self.until is None or event.recorded_at < self.until)
        )

    @property
    def is_timed(self) -> bool:
        """Whether it asks for a time, so that times are the order."""
        return bool(self.since or self.until)

    @property
    def leads(self) -> dict[str, str]:
        """The columns asked for that lead an index which many events share."""
        asked = {"type": self.types, "actor": self.actors, "source": self.sources}
        return {column: "".join(each) for column, each in asked.items() if each}

    @property
    def parts(self) -> list[EventFilter]:
        """One filter for each combination: each is read from its own index."""
        asked = (self.streams, self.types, self.actors, self.sources)
        return [
            replace(self, streams=stream, types=type_, actors=actor, sources=source)
            for stream, type_, actor, source in product(*map(_ones, asked))
        ]


def search(
    matching: EventFilter, mark: int, place: int | None, side: str, limit: int
) -> Found:
    """Return up to *limit* rows of `COLUMNS` next to a position, nearest first.

    Takes 30 steps at most, in each of which 5,000 entries of an index are let through a
    filter that no index answers; several parts share them.  Then the second value is
    the position to go on from, which is None when everything was looked at.

    Args:
        matching: Which events.
        mark: Only positions up to this watermark.
        place: A position; None means the end of the log.
        side: ``ABOVE`` or ``BELOW`` the place, itself excluded.
        limit: At most so many.
    """
    return _search(matching.parts, mark, place, side, limit, STEPS)


def _search(
    parts: Sequence[EventFilter],
    mark: int,
    place: int | None,
    side: str,
    limit: int,
    steps: int,
) -> Found:
    rows: list[tuple[Any, ...]] = []
    edge = place
    for _ in range(steps):
        found, edge = _step(parts, mark, edge, side, limit - len(rows))
        rows += found
        if edge is None or len(rows) == limit:
            break
    return rows, edge


def search_from(
    matching: EventFilter, mark: int, place: int, side: str, limit: int
) -> tuple[list[tuple[Any, ...]], int | None, bool]:
    """Return what :func:`search` does, and whether anything is on the other side.

    The position itself is on the other side.  What may be there counts, too.  Asks the
    database no more than the search alone, where one index answers.
    """
    parts = matching.parts
    other = "gte" if side == BELOW else "lte"
    here = _Place(place)
    near, edges = _queries(parts, mark, here, side)
    beyond, ends = _queries(parts, mark, here, other)
    told = _rows(
        [
            query.annotate(is_near=Value(is_near)).values_list(*COLUMNS, "is_near")[:n]
            for queries, is_near, n in ((near, True, limit), (beyond, False, 1))
            for query in queries
        ]
    )
    rows = [row[:-1] for row in told if row[-1]]
    found, edge = _nearest(rows, edges, parts[0], side, limit)
    if edge is not None and len(found) < limit:
        left = limit - len(found)
        more, edge = _search(parts, mark, edge, side, left, STEPS - 1)
        found += more
    return found, edge, bool(ends) or len(rows) < len(told)


class _Place:
    """A position, or the end of the log, and when it was recorded; asked once."""

    def __init__(self, position: int | None) -> None:
        self.position = position

    @cached_property
    def recorded_at(self) -> datetime | None:
        """Of the last event up to there; None when there is none."""
        return (
            StoredEvent.objects.filter(position__lte=self.position)
            .order_by("-position")
            .values_list("recorded_at", flat=True)
            .first()
        )


def _ones(values: Sequence[str]) -> list[Sequence[str]]:
    """Return each of *values* alone, once; what asks nothing stays."""
    return [[each] for each in dict.fromkeys(values)] or [()]


def _step(
    parts: Sequence[EventFilter], mark: int, place: int | None, side: str, limit: int
) -> Found:
    queries, edges = _queries(parts, mark, _Place(place), side)
    rows = _rows([each.values_list(*COLUMNS)[:limit] for each in queries])
    return _nearest(rows, edges, parts[0], side, limit)


def _queries(
    parts: Sequence[EventFilter], mark: int, place: _Place, side: str
) -> tuple[list[QuerySet[StoredEvent]], list[Edge]]:
    """Return what reads each of *parts*, in order, and where it looks no farther."""
    is_downward = side.startswith("l")
    queries: list[QuerySet[StoredEvent]] = []
    edges: list[Edge] = []
    for part in parts:
        lead, edge = _reach(part, mark, place, side, max(REACH // len(parts), 1))
        found = _beside(_matching(part, lead, mark), part, place, side)
        if edge:
            edges.append(edge)
            found = _up_to(found, edge, is_downward=is_downward)
        queries.append(found.order_by(*_order(part, lead, is_downward=is_downward)))
    return queries, edges


def _rows(queries: Sequence[Any]) -> list[tuple[Any, ...]]:
    first, *others = queries
    return list(first.union(*others, all=True) if others else first)


def _nearest(
    rows: list[tuple[Any, ...]],
    edges: Sequence[Edge],
    part: EventFilter,
    side: str,
    limit: int,
) -> Found:
    """Return the nearest of *rows*, none beyond where a part has not looked."""
    is_downward = side.startswith("l")
    keys = [COLUMNS.index(field) for field in _keys(part)]

    def at(row: tuple[Any, ...]) -> Edge:
        return tuple(row[key] for key in keys)

    rows.sort(key=at, reverse=is_downward)
    if not edges:
        return rows[:limit], None
    # No part has looked beyond the nearest edge together with all others.
    edge = max(edges) if is_downward else min(edges)
    near = [r for r in rows if (at(r) >= edge if is_downward else at(r) <= edge)]
    return near[:limit], edge[-1]


def _reach(
    part: EventFilter, mark: int, place: _Place, side: str, most: int
) -> tuple[str, Edge | None]:
    """Return the column whose index to read, and the last of its entries to look at.

    Of several the one whose *most* entries reach farthest, which is the rarest near
    by.  No last entry when one index answers everything, or has no more than that.
    """
    leads = list(part.leads)
    if part.streams or part.correlation_id or not leads:
        return "", None
    if part.is_timed:
        if leads == ["type"]:
            return "type", None
        ends = [
            _edge(
                replace(part, since=None, until=None),
                each,
                mark,
                _Place(None),
                BELOW,
                most,
            )
            for each in leads
        ]
        if None in ends:
            return "", None  # few: the planner knows which, and sorts them
        leads = ["type"] if "type" in leads else [""]
    elif len(leads) == 1:
        return leads[0], None
    edges: list[tuple[Edge, str]] = []
    for lead in leads:
        edge = _edge(part, lead, mark, place, side, most)
        if edge is None:
            return lead, None
        edges.append((edge, lead))
    edge, lead = min(edges) if side.startswith("l") else max(edges)
    return lead, edge


def _edge(
    part: EventFilter, lead: str, mark: int, place: _Place, side: str, most: int
) -> Edge | None:
    """Return the last of an index's next *most* entries; None if they are fewer."""
    alone = EventFilter(
        since=part.since, until=part.until, from_position=part.from_position
    )
    entries = _beside(
        _matching(alone, "", mark, **_pinned(part, lead)), part, place, side
    )
    ordered = entries.order_by(*_order(part, lead, is_downward=side.startswith("l")))
    return ordered.values_list(*_keys(part))[most - 1 : most].first()


def _matching(
    part: EventFilter, lead: str, mark: int, **pinned: Any
) -> QuerySet[StoredEvent]:
    wanted = {
        "stream": "".join(part.streams),
        "correlation_id": part.correlation_id,
        "position__gte": part.from_position,
        "recorded_at__gte": part.since,
        "recorded_at__lt": part.until,
        **{column: value for column, value in part.leads.items() if column != lead},
        **_pinned(part, lead),
        **pinned,
    }
    lookups = {lookup: value for lookup, value in wanted.items() if value}
    return StoredEvent.objects.filter(position__lte=mark, **lookups)


def _pinned(part: EventFilter, lead: str) -> dict[str, str]:
    return {f"{lead}__{side}": part.leads[lead] for side in ("gte", "lte") if lead}


def _keys(part: EventFilter) -> tuple[str, ...]:
    return TIME_ORDER if part.is_timed else ("position",)


def _order(part: EventFilter, lead: str, *, is_downward: bool) -> list[str]:
    sign = "-" if is_downward else ""
    return [f"{sign}{field}" for field in (lead, *_keys(part)) if field]


def _up_to(
    found: QuerySet[StoredEvent], edge: Edge, *, is_downward: bool
) -> QuerySet[StoredEvent]:
    side = "gte" if is_downward else "lte"
    here = Q(**{f"position__{side}": edge[-1]})
    if len(edge) == 1:
        return found.filter(here)
    return _beyond(found, edge[0], side, here)


def _beside(
    found: QuerySet[StoredEvent], part: EventFilter, place: _Place, side: str
) -> QuerySet[StoredEvent]:
    """Narrow *found* to one side (``gt``, ``gte``, ``lt``, ``lte``) of a position."""
    if place.position is None:
        return found
    here = Q(**{f"position__{side}": place.position})
    if not part.is_timed:
        return found.filter(here)
    if place.recorded_at is None:
        return found if side.startswith("g") else found.none()
    return _beyond(found, place.recorded_at, side, here)


def _beyond(
    found: QuerySet[StoredEvent], at: datetime, side: str, here: Q
) -> QuerySet[StoredEvent]:
    beyond = Q(**{f"recorded_at__{side[:2]}": at})
    return found.filter(Q(**{f"recorded_at__{side[:2]}e": at}), beyond | here)
