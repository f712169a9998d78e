"""The strip above the events: how many came in each hour or day of the time asked for.

It counts by whole hours, by type and by source, because the counters do (ADR-0034).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Protocol

from eventstore import zones
from eventstore.searching import EventFilter

HOUR = timedelta(hours=1)
SHOWN_FIRST = 24  # hours, where no time is asked for
MOST_BARS_OF_HOURS = 72  # more are told by days
MOST_HOURS = 31 * 24  # the newest of what is asked for; so a page reads no more


class CountHours(Protocol):
    """Says how many events each hour brought, by when it began."""

    def __call__(
        self,
        since: datetime,
        until: datetime,
        *,
        types: Sequence[str],
        sources: Sequence[str],
    ) -> Mapping[datetime, int]:
        """Return the hours that brought any of *types* from any of *sources*.

        Empty asks nothing.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How many events a stretch of whole hours brought.

    Attributes:
        begins_at: Aware UTC; *ends_at* is when the next one begins.
        top: Of the bar in a picture 100 high, from above; at most 98 if there is any.
    """

    begins_at: datetime
    ends_at: datetime
    events: int
    top: int = 100

    @property
    def label(self) -> str:
        """When it began, on the reader's clock: ``6 Nov 2026, 16:00 CET``."""
        return zones.minute(self.begins_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """What a stretch of time brought.

    Attributes:
        bars: Oldest first; those without events, too.
        most: Events of the busiest.
        total: Of all of them.
        is_by_day: Whether a bar is a day on the reader's clock, and not an hour.
        is_cut: Whether more was asked for than the newest 31 days.
        is_wider: Whether something was asked for that cannot be counted here.
    """

    bars: Sequence[Bar]
    most: int
    total: int
    is_by_day: bool
    is_cut: bool
    is_wider: bool

    @property
    def begins(self) -> str:
        """When the first bar begins, on the reader's clock."""
        return zones.minute(self.bars[0].begins_at)

    @property
    def ends(self) -> str:
        """When the last bar ends, on the reader's clock."""
        return zones.minute(self.bars[-1].ends_at)


def of(matching: EventFilter, count: CountHours, now: datetime) -> Strip | None:
    """Return the strip of what *matching* asks for; None where there is no such time.

    The last day where it asks for no time.  One query.

    Args:
        matching: Which events.
        count: Says how many events each hour brought.
        now: Aware.
    """
    try:
        since, until = _hours(matching, now)
        first = max(since, until - MOST_HOURS * HOUR)
    except OverflowError:
        return None
    if since >= until:
        return None
    counted = count(first, until, types=matching.types, sources=matching.sources)
    is_by_day = until - first > MOST_BARS_OF_HOURS * HOUR
    bars = list(_bars(first, until, counted, is_by_day=is_by_day))
    most = max(bar.events for bar in bars)
    return Strip(
        bars=[replace(bar, top=_top(bar.events, most)) for bar in bars],
        most=most,
        total=sum(bar.events for bar in bars),
        is_by_day=is_by_day,
        is_cut=first > since,
        is_wider=bool(matching.streams or matching.actors or matching.correlation_id),
    )


def _top(events: int, most: int) -> int:
    return min(100 - round(98 * events / most), 98) if events else 100


def _hours(matching: EventFilter, now: datetime) -> tuple[datetime, datetime]:
    """Return the whole hours that hold what is asked for, none that is to come."""
    until = _hour(now) + HOUR
    if matching.until is not None and matching.until < until:
        until = _hour(matching.until + HOUR - timedelta.resolution)
    if matching.since is None:
        return until - SHOWN_FIRST * HOUR, until
    return _hour(matching.since), until


def _bars(
    first: datetime,
    until: datetime,
    counted: Mapping[datetime, int],
    *,
    is_by_day: bool,
) -> Iterator[Bar]:
    hours = [first + n * HOUR for n in range((until - first) // HOUR)]
    for _when, group in groupby(
        hours, key=lambda hour: zones.local(hour).date() if is_by_day else hour
    ):
        theirs = list(group)
        yield Bar(
            begins_at=theirs[0],
            ends_at=theirs[-1] + HOUR,
            events=sum(counted.get(hour, 0) for hour in theirs),
        )


def _hour(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
