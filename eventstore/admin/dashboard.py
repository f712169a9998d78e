"""How the whole is doing, in a handful of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eventstore import browser, effects, liveness
from eventstore.admin.sight import Sight
from eventstore.browser import Totals
from eventstore.effects import Owed
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
        letters: Streams that a read model set aside: their rows wait.
        paused: Subscriptions that somebody paused and that are behind.
        failing: Subscriptions that an error stops and that are behind.
        latest: The newest events, newest first.
    """

    totals: Totals
    lag: int
    letters: int
    paused: int
    failing: int
    owed: Owed
    subscriptions: Sequence[Vital]
    latest: Sequence[RecordedEvent]


def overview(seen: Sight) -> Overview:
    """Return the numbers of the dashboard.  Six queries.

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
        letters=sum(each.letters for each in models),
        paused=sum(each.pause is not None for each in behind),
        failing=sum(each.pause is None and bool(each.error) for each in behind),
        owed=effects.owed(),
        subscriptions=vitals,
        latest=seen.events(latest.events),
    )
