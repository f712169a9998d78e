"""How the whole is doing, in a handful of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eventstore import browser, liveness
from eventstore.admin.sight import Sight
from eventstore.browser import Totals
from eventstore.events import RecordedEvent
from eventstore.liveness import Vital
from eventstore.searching import EventFilter
from eventstore.subscriptions import PROJECTION

LATEST = 10  # events shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The numbers of the dashboard.

    Attributes:
        lag: Events that the slowest read model is behind.
        lag_seconds: Age of the oldest event that a read model has not come to.
        is_late: Whether a read model is behind for longer than when all is well.
        is_far_behind: Whether one is for so long that somebody should look.
        letters: Streams that a read model set aside: their rows wait.
        paused: Subscriptions that somebody paused and that are behind.
        failing: Subscriptions that an error stops and that are behind.
        latest: The newest events, newest first.
    """

    totals: Totals
    lag: int
    lag_seconds: float
    is_late: bool
    is_far_behind: bool
    letters: int
    paused: int
    failing: int
    subscriptions: Sequence[Vital]
    latest: Sequence[RecordedEvent]


def overview(seen: Sight) -> Overview:
    """Return the numbers of the dashboard.  Five queries.

    Args:
        seen: What the reader may see of people.
    """
    totals = browser.totals()
    latest = browser.page(EventFilter(), limit=LATEST, mark=totals.head)
    vitals = liveness.vitals(totals.head)
    models = [each for each in vitals if each.kind == PROJECTION]
    behind = [each for each in vitals if each.behind]
    return Overview(
        totals=totals,
        lag=max((each.behind for each in models), default=0),
        lag_seconds=max((each.lag_seconds for each in models), default=0.0),
        is_late=any(each.is_late for each in models),
        is_far_behind=any(each.is_far_behind for each in models),
        letters=sum(each.letters for each in models),
        paused=sum(each.pause is not None for each in behind),
        failing=sum(each.pause is None and bool(each.error) for each in behind),
        subscriptions=vitals,
        latest=seen.events(latest.events),
    )
