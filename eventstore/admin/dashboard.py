"""How the whole is doing, in a handful of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eventstore import browser, integrity, liveness, newest
from eventstore.admin.sight import Sight
from eventstore.browser import Totals
from eventstore.events import RecordedEvent
from eventstore.liveness import Pulse, Vital
from eventstore.subscriptions import PROJECTION

LATEST = 10  # events shown, and acts


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
        pulse: Whether there are workers and a schedule.
        latest: The newest events that no operator caused, newest first.
        acts: What operators did last, newest first.
        verified: The last event that tells of a verification; None without any.
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
    pulse: Pulse
    latest: Sequence[RecordedEvent]
    acts: Sequence[RecordedEvent]
    verified: RecordedEvent | None


def overview(seen: Sight) -> Overview:
    """Return the numbers of the dashboard.  Five queries.

    Args:
        seen: What the reader may see of people.
    """
    totals = browser.totals()
    last = newest.newest(totals.head, size=LATEST, alone=integrity.VERIFIED)
    pulse = liveness.pulse(totals.head)
    vitals = pulse.vitals
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
        pulse=pulse,
        latest=seen.events(last.events),
        acts=seen.events(last.acts),
        verified=last.alone,
    )
