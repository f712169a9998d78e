"""How far a run is, how fast, and what each of its pages led to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstore import repository, store
from users.models import SalesforceRun
from users.sources.salesforce.events import SalesforcePageRead, SalesforceRunOpened
from users.sources.salesforce.run_state import RUN, Run, State

LOGGED = 50  # newest pages of a run


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """One page of a run.

    Attributes:
        changed: Users changed, or to be deactivated.
        unchanged: Records that led to nothing.
        seconds: Since whatever the run did before; None where nothing tells.
    """

    number: int
    at: datetime
    read: int
    created: int
    changed: int
    unchanged: int
    quarantined: int
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        read: Records.
        total: Records that there are to read; None where nobody knows.
        rate: Records a second; None before there was time to tell.
        left: Seconds, at this rate; None where nobody knows.
        percent: Of the requests that the org may make a day, those it made; None where
            nobody knows.
    """

    read: int
    total: int | None
    rate: float | None
    left: float | None
    percent: float | None


def of(run: Run, pages: Sequence[PageRead]) -> Progress:
    """Return how far a run is.

    Args:
        run: As its stream tells it.
        pages: Its newest ones, see :func:`log`; the rate is theirs.
    """
    read = run.counts["read"]
    known = [each for each in (run.job_records, run.expected) if each is not None]
    # Records come and go while they are read.
    total = max(known[0], read) if known else None
    timed = [each for each in pages if each.seconds is not None]
    seconds = sum(each.seconds or 0.0 for each in timed)
    rate = sum(each.read for each in timed) / seconds if seconds > 0 else None
    is_moving = run.state is State.RUNNING and not run.is_read
    left = (total - read) / rate if is_moving and total is not None and rate else None
    percent = 100 * run.used / run.most if run.most else None
    return Progress(read=read, total=total, rate=rate, left=left, percent=percent)


def log(row: SalesforceRun) -> Sequence[PageRead]:
    """Return the newest pages of a run, newest first.  Two queries."""
    stream = RUN.stream(row.run_id)
    newest = repository.load(RUN, row.run_id).version
    # Between two pages there is hardly ever anything else.
    events = store.read_stream(stream, from_version=max(1, newest - 2 * LOGGED))
    pages: list[PageRead] = []
    before: datetime | None = None
    for event in events:
        told = event.payload
        if isinstance(told, SalesforcePageRead):
            since = (event.recorded_at - before).total_seconds() if before else None
            pages.append(_page(told, event.recorded_at, since))
        if isinstance(told, SalesforcePageRead | SalesforceRunOpened):
            before = event.recorded_at
    return pages[: -LOGGED - 1 : -1]


def _page(told: SalesforcePageRead, at: datetime, seconds: float | None) -> PageRead:
    changed = told.changed + told.withheld
    other = told.quarantined + told.ignored
    return PageRead(
        number=told.number,
        at=at,
        read=told.read,
        created=told.created,
        changed=changed,
        # A record may count more than once: a difference, and a change beside it.
        unchanged=max(0, told.read - told.created - changed - other),
        quarantined=told.quarantined,
        seconds=seconds,
    )
