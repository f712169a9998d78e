"""The life of a run: a fold of its events.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from eventstore.aggregate import Aggregate
from users.sources.salesforce.errors import RunStateError
from users.sources.salesforce.events import (
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
    pages: int = 0
    last_id: str = ""
    last_stamp: datetime | None = None
    is_read: bool = False
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    calls: int = 0
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


def _further(run: Run, event: Any) -> Run:
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
            )
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


def _paged(run: Run, event: SalesforcePageRead) -> Run:
    return replace(
        run,
        pages=event.number,
        last_id=event.last_id,
        last_stamp=event.last_stamp,
        is_read=event.is_last,
        counts={name: run.counts[name] + getattr(event, name) for name in COUNTS},
        calls=event.calls,
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


def _is_next(run: Run, wanted: Any) -> bool:
    match wanted:
        case SalesforceRunOpened() | SalesforceRunHeld():
            return run.state not in HELD
        case SalesforcePageRead():
            return run.state is State.RUNNING and not run.is_read
        case SalesforceRunResumed():
            waits = run.state is State.AWAITING_APPROVAL
            return run.state in HELD and waits is wanted.is_approved
        case SalesforceRunEnded():
            return True
        case _:
            return False


RUN: Aggregate[Run | None, Any] = Aggregate(
    category=CATEGORY, initial=None, decide=decide, evolve=evolve
)
