"""The chart of the dashboard: how many events each stretch of time brought, by source.

Minutes are counted in the log, hours and days by the counters (ADR-0034, ADR-0054).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy, pgettext
from django_stubs_ext import StrOrPromise

from eventstore import newest, sentences, zones

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NICE = (10, 12, 14, 16, 20, 24, 30, 40, 50, 60, 80, 100)  # tops, times powers of ten
FEW = (2, 4, 6, 8)  # tops below those; half of each is a whole number, too
MOST_READ = 20_000  # events of the last hour that are counted by the minute

Counted = Mapping[tuple[datetime, str], int]  # when it began, source: events
CountSources = Callable[[datetime, datetime], Counted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How far back a chart goes.

    Attributes:
        name: In the address.
        step: How long a bar is: a minute, an hour, or a day on the reader's clock.
        bars: How many, the current one included.
        labelled: One bar of so many is named on the axis.
    """

    name: str
    label: StrOrPromise
    title: StrOrPromise
    step: timedelta
    bars: int
    labelled: int


SPANS = (
    Span(
        name="1h",
        label=gettext_lazy("1 h"),
        title=gettext_lazy("Events per minute, by source"),
        step=MINUTE,
        bars=60,
        labelled=15,
    ),
    Span(
        name="24h",
        label=gettext_lazy("24 h"),
        title=gettext_lazy("Events per hour, by source"),
        step=HOUR,
        bars=24,
        labelled=6,
    ),
    Span(
        name="48h",
        label=gettext_lazy("48 h"),
        title=gettext_lazy("Events per hour, by source"),
        step=HOUR,
        bars=48,
        labelled=12,
    ),
    Span(
        name="30d",
        label=gettext_lazy("30 d"),
        title=gettext_lazy("Events per day, by source"),
        step=DAY,
        bars=30,
        labelled=7,
    ),
)
DEFAULT = SPANS[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one source brought in one stretch.

    Attributes:
        y: Upper edge in percent of the height, as SVG takes it; so is *height*.
    """

    source: str
    events: int
    y: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch of time.

    Attributes:
        begins_at: Aware UTC; *ends_at* is when the next one begins.
        events: Of all sources.
        counts: Of each source of the chart, in its order.
        segments: The same as it is drawn, without those that brought nothing.
        x: Left edge in percent of the width; *width* is that of the whole stretch.
        label: When it began, on the reader's clock.
        tick: The same in short, on the axis; empty on most.
    """

    begins_at: datetime
    ends_at: datetime
    events: int
    counts: Sequence[int]
    segments: Sequence[Segment]
    x: str
    width: str
    label: str
    tick: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What the last hours brought.

    Attributes:
        bars: Oldest first, the current one last; those without events, too.
        sources: Source and events, the most first.
        total: Of all of them.
        top: Where the axis ends: a round number, even, not below any bar.
        most: Where the minutes begin late because so many were read: how many.
    """

    span: Span
    bars: Sequence[Bar]
    sources: Sequence[tuple[str, int]]
    total: int
    top: int
    most: int | None

    @property
    def half(self) -> int:
        """Return the middle of the axis."""
        return self.top // 2

    @property
    def spans(self) -> Sequence[Span]:
        """Return what else could be asked for."""
        return SPANS


def span_named(name: str) -> Span:
    """Return the span called *name*; a day where there is none."""
    return next((each for each in SPANS if each.name == name), DEFAULT)


def of(span: Span, count: CountSources, now: datetime) -> Chart:
    """Return the chart of *span*.  One query.

    Args:
        span: How far back.
        count: Says how many events each hour brought, by when it began, and source.
        now: Aware.
    """
    most = None
    counted: Counted
    slots = list(_slots(span, now))
    if span.step == MINUTE:
        counted, since = newest.by_minute(slots[0][0], most=MOST_READ)
        if since is not None:
            most = MOST_READ
            slots = [each for each in slots if each[0] >= since]
    else:
        counted = count(slots[0][0], slots[-1][1])
    return _drawn(span, slots, _stretched(slots, counted), most)


def _slots(span: Span, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield when each stretch begins and ends, oldest first, aware UTC.

    A day is made of the hours that the counters know, so it begins with the first that
    begins in it, as in the strip above the events.
    """
    if span.step == DAY:
        current = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        hours = [current - n * HOUR for n in range((span.bars + 1) * 24, -1, -1)]
        days = [list(each) for _day, each in groupby(hours, key=_day)][-span.bars :]
        yield from ((each[0], each[-1] + HOUR) for each in days)
        return
    whole = {"second": 0, "microsecond": 0}
    if span.step == HOUR:
        whole["minute"] = 0
    current = now.astimezone(UTC).replace(**whole)  # type: ignore[arg-type]
    for n in range(span.bars - 1, -1, -1):
        begins = current - n * span.step
        yield begins, begins + span.step


def _day(hour: datetime) -> object:
    return zones.local(hour).date()


def _stretched(
    slots: Sequence[tuple[datetime, datetime]], counted: Counted
) -> Sequence[Mapping[str, int]]:
    """Return what each source brought in each of *slots*."""
    found: list[dict[str, int]] = [{} for _ in slots]
    place = 0
    for (begins, source), events in sorted(counted.items()):
        while place < len(slots) - 1 and slots[place][1] <= begins:
            place += 1
        if slots[place][0] <= begins < slots[place][1]:
            found[place][source] = found[place].get(source, 0) + events
    return found


def _drawn(
    span: Span,
    slots: Sequence[tuple[datetime, datetime]],
    found: Sequence[Mapping[str, int]],
    most: int | None,
) -> Chart:
    totals: dict[str, int] = {}
    for each in found:
        for source, events in each.items():
            totals[source] = totals.get(source, 0) + events
    # Known sources keep their places, whoever brought more.
    known = list(sentences.SOURCES)
    order = sorted(
        totals,
        key=lambda each: (known.index(each) if each in known else len(known), each),
    )
    top = top_of(max((sum(each.values()) for each in found), default=0))
    width = 100 / span.bars
    left_out = span.bars - len(slots)  # minutes that are not counted keep their place
    bars = [
        Bar(
            begins_at=begins,
            ends_at=ends,
            events=sum(brought.values()),
            counts=[brought.get(each, 0) for each in order],
            segments=list(_segments(order, brought, top)),
            x=f"{(left_out + number) * width:.3f}",
            width=f"{width:.3f}",
            label=_label(span, begins),
            tick=_tick(span, begins) if _is_named(span, left_out + number) else "",
        )
        for number, ((begins, ends), brought) in enumerate(
            zip(slots, found, strict=True)
        )
    ]
    return Chart(
        span=span,
        bars=bars,
        sources=[(each, totals[each]) for each in order],
        total=sum(totals.values()),
        top=top,
        most=most,
    )


def _segments(
    order: Sequence[str], brought: Mapping[str, int], top: int
) -> Iterator[Segment]:
    below = 0
    for source in order:
        events = brought.get(source, 0)
        if events:
            below += events
            yield Segment(
                source=source,
                events=events,
                y=f"{100 - below / top * 100:.3f}",
                height=f"{events / top * 100:.3f}",
            )


def _is_named(span: Span, number: int) -> bool:
    # Counted from the newest, half a step away from either edge.
    return (span.bars - 1 - number) % span.labelled == span.labelled // 2


def top_of(most: int) -> int:
    """Return a round number that is even and not below *most*."""
    power = int(f"1{'0' * max(len(str(most)) - 2, 0)}")
    return next(each for each in (*FEW, *(n * power for n in NICE)) if each >= most)


def _label(span: Span, begins: datetime) -> str:
    if span.step == DAY:
        return date_format(zones.local(begins), pgettext("format", "j M Y"))
    return zones.minute(begins)


def _tick(span: Span, begins: datetime) -> str:
    here = zones.local(begins)
    if span.step == DAY:
        return date_format(here, pgettext("format", "j M"))
    return date_format(here, pgettext("format", "H:i"))
