"""The life of a run: a fold of its events.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from eventstore.aggregate import Aggregate
from users.sources.salesforce.errors import RunStateError
from users.sources.salesforce.events import (
    SalesforceJobDone,
    SalesforceJobLost,
    SalesforceJobMade,
    SalesforcePageRead,
    SalesforceRunEnded,
    SalesforceRunHeld,
    SalesforceRunOpened,
    SalesforceRunResumed,
    SalesforceRunStarted,
)

CATEGORY = "salesforce_run"


class Mode(StrEnum):
    """What a run reads."""

    FULL = "full"
    INCREMENTAL = "incremental"
    RECONCILE = "reconcile"
    RECORD = "record"


class State(StrEnum):
    """Where a run stands; docs/reference/salesforce-runs.md says what to do."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED_LIMIT = "paused_limit"
    PAUSED_QUALITY = "paused_quality"
    PAUSED_USER = "paused_user"
    AWAITING_APPROVAL = "awaiting_approval"
    SUCCEEDED = "succeeded"
    SUCCEEDED_DEGRADED = "succeeded_degraded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset(
    {State.SUCCEEDED, State.SUCCEEDED_DEGRADED, State.FAILED, State.CANCELLED}
)
SUCCEEDED = frozenset({State.SUCCEEDED, State.SUCCEEDED_DEGRADED})
ACTIVE = frozenset(State) - ENDED
HELD = ACTIVE - {State.QUEUED, State.RUNNING}
COUNTS = (
    *("read", "created", "changed", "withheld"),
    *("conflicts", "quarantined", "ignored", "repaired"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is known of a run; the attributes are those of its events.

    Attributes:
        counts: The counts of its pages, added up.
        is_read: Whether the last page was read.
        job_id: The job it reads from; empty if there is none.
        jobs_lost: Jobs that came to nothing.
        job_read: Records read from the job.
        is_released: Whether somebody saw the unusable records, and let it go on.
    """

    sobject: str
    mode: Mode
    dry_run: bool
    ids: tuple[str, ...]
    reason: str = ""
    since: datetime | None = None
    state: State = State.QUEUED
    org_id: str = ""
    low: datetime | None = None
    high: datetime | None = None
    fields: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    expected: int | None = None
    is_bulk: bool = False
    job_id: str = ""
    job_version: str = ""
    job_made_at: datetime | None = None
    is_job_done: bool = False
    job_records: int | None = None
    job_read: int = 0
    jobs_lost: int = 0
    locator: str = ""
    pages: int = 0
    last_id: str = ""
    last_stamp: datetime | None = None
    is_read: bool = False
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    calls: int = 0
    used: int = 0
    most: int = 0
    people: int = 0
    is_approved: bool = False
    is_released: bool = False
    deactivated: int = 0
    covered_until: datetime | None = None
    why: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it is not over yet."""
        return self.state in ACTIVE


def evolve(run: Run | None, event: Any) -> Run | None:
    """Return the run after *event*; one this code does not know changes nothing."""
    if isinstance(event, SalesforceRunStarted):
        return Run(
            sobject=event.sobject,
            mode=Mode(event.mode),
            dry_run=event.dry_run,
            ids=tuple(event.ids),
            reason=event.reason,
            since=event.since,
        )
    return run and _further(run, event)


# One table, and a table may be long.
def _further(run: Run, event: Any) -> Run:  # noqa: PLR0911
    match event:
        case SalesforceRunOpened():
            return replace(
                run,
                state=State.RUNNING,
                org_id=event.org_id,
                low=event.low,
                high=event.high,
                fields=tuple(event.fields),
                missing=tuple(event.missing),
                flags=tuple(event.flags),
                expected=event.expected,
                is_bulk=event.is_bulk,
            )
        case SalesforceJobMade() | SalesforceJobDone() | SalesforceJobLost():
            return _by_job(run, event)
        case SalesforcePageRead():
            return _paged(run, event)
        case SalesforceRunHeld():
            return replace(
                run, state=State(event.state), why=event.reason, people=event.people
            )
        case SalesforceRunResumed():
            return replace(
                run,
                state=State.RUNNING if run.high else State.QUEUED,
                is_approved=run.is_approved or event.is_approved,
                is_released=run.is_released or run.state is State.PAUSED_QUALITY,
                why="",
            )
        case SalesforceRunEnded():
            return replace(
                run,
                state=State(event.state),
                why=event.reason,
                deactivated=event.deactivated,
                covered_until=event.covered_until,
            )
        case _:
            return run


def _by_job(
    run: Run, event: SalesforceJobMade | SalesforceJobDone | SalesforceJobLost
) -> Run:
    match event:
        case SalesforceJobMade():
            return replace(
                run,
                job_id=event.job_id,
                job_version=event.version,
                job_made_at=event.made_at,
            )
        case SalesforceJobDone():
            return replace(run, is_job_done=True, job_records=event.records)
        case SalesforceJobLost():
            return replace(
                run,
                is_bulk=not event.is_given_up,
                job_id="",
                is_job_done=False,
                job_records=None,
                job_read=0,
                jobs_lost=run.jobs_lost + 1,
                locator="",
            )


def _paged(run: Run, event: SalesforcePageRead) -> Run:
    return replace(
        run,
        pages=event.number,
        last_id=event.last_id,
        last_stamp=event.last_stamp,
        locator=event.locator,
        job_read=run.job_read + event.read if run.job_id else 0,
        is_read=event.is_last,
        counts={name: run.counts[name] + getattr(event, name) for name in COUNTS},
        calls=event.calls,
        used=event.used,
        most=event.most,
    )


def decide(run: Run | None, wanted: Any) -> list[Any]:
    """Return *wanted*, an event that is to be, if the run may go that way.

    Raises:
        RunStateError: It may not.
    """
    if run is None:
        is_allowed = isinstance(wanted, SalesforceRunStarted)
    else:
        is_allowed = run.state in ACTIVE and _is_next(run, wanted)
    if not is_allowed:
        raise RunStateError(run.state if run else "unknown")
    return [wanted]


# One table, and a table may be long.
def _is_next(run: Run, wanted: Any) -> bool:  # noqa: PLR0911
    match wanted:
        case SalesforceRunOpened() | SalesforceRunHeld():
            return run.state not in HELD
        case SalesforcePageRead():
            return run.state is State.RUNNING and not run.is_read
        case SalesforceJobMade():
            return _reads_by_job(run) and not run.job_id
        case SalesforceJobDone():
            return run.job_id == wanted.job_id != "" and not run.is_job_done
        case SalesforceJobLost():
            return _reads_by_job(run) and run.job_id == wanted.job_id
        case SalesforceRunResumed():
            waits = run.state is State.AWAITING_APPROVAL
            return run.state in HELD and waits is wanted.is_approved
        case SalesforceRunEnded():
            return True
        case _:
            return False


def _reads_by_job(run: Run) -> bool:
    return run.state is State.RUNNING and run.is_bulk and not run.is_read


RUN: Aggregate[Run | None, Any] = Aggregate(
    category=CATEGORY, initial=None, decide=decide, evolve=evolve
)
