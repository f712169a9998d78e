"""How the whole is doing, in a handful of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eventstore import browser, effects, subscriptions
from eventstore.admin.sight import Sight
from eventstore.browser import Totals
from eventstore.effects import Owed
from eventstore.events import RecordedEvent
from eventstore.searching import EventFilter
from eventstore.subscriptions import PROJECTION, Progress

LATEST = 10  # events shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The numbers of the dashboard.

    Attributes:
        lag: Events that the slowest read model is behind.
        latest: The newest events, newest first.
    """

    totals: Totals
    lag: int
    owed: Owed
    subscriptions: Sequence[Progress]
    latest: Sequence[RecordedEvent]


def overview(seen: Sight) -> Overview:
    """Return the numbers of the dashboard.  Six queries.

    Args:
        seen: What the reader may see of people.
    """
    totals = browser.totals()
    progress = subscriptions.progress_of_all(totals.head)
    behind = [each.behind for each in progress if each.kind == PROJECTION]
    return Overview(
        totals=totals,
        lag=max(behind, default=0),
        owed=effects.owed(),
        subscriptions=progress,
        latest=seen.events(browser.page(EventFilter(), limit=LATEST).events),
    )
