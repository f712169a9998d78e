"""Runs: started, leased, held, ended.  Each change is an event, and a row beside it.

The row is written in the transaction of its event.  It keeps a second run of the same
object away (a constraint), and a worker that was thought dead (the fence).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import IntegrityError, transaction
from django.db.models import Max, Q
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import circumstances, repository, store
from eventstore.circumstances import acting
from eventstore.events import NO_STREAM, SYSTEM
from users.models import SalesforceRun
from users.sources.salesforce import bell
from users.sources.salesforce.errors import (
    LostLeaseError,
    NoIdsError,
    NotEnabledError,
    NoWatermarkError,
    RunActiveError,
    SinceError,
    UnknownRunError,
)
from users.sources.salesforce.events import (
    SalesforceRunEnded,
    SalesforceRunHeld,
    SalesforceRunResumed,
    SalesforceRunStarted,
)
from users.sources.salesforce.ids import canonical
from users.sources.salesforce.options import options
from users.sources.salesforce.run_state import RUN, SUCCEEDED, Mode, Run, State
from users.values import needed_reason
from users.values import reason as proper_reason

MOST_IDS = 2_000  # of a run over single records
LONGEST_GAP = timedelta(days=7)  # after which "what changed" is not to be trusted
WORKER = "system:salesforce"
LIMIT_WAIT = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class Leased:
    """A run in the hands of one worker.

    Attributes:
        fence: Number of this lease; an older one cannot commit any more.
        version: Of the run's stream.
    """

    run_id: UUID
    fence: int
    run: Run
    version: int


def start(
    mode: Mode,
    *,
    ids: Sequence[str] = (),
    since: datetime | None = None,
    dry_run: bool = False,
    reason: str = "",
) -> SalesforceRun:
    """Start a run and return it; a worker takes it up soon.

    An incremental run after a gap of more than a week becomes a reconciliation.  By
    *since*, an aware instant, it reaches further back than it would.

    Raises:
        NotEnabledError: Salesforce is switched off.
        RunActiveError: A run of the same object is under way.
        NoWatermarkError: *mode* is incremental, and there was no full run yet.
        NoIdsError: *ids* and *mode* do not fit.
        SinceError: *since* and *mode* do not fit, or it is after the watermark.
        RecordIdError: One of *ids* is none.
        InvalidValueError: *reason* is not acceptable.
    """
    told = options()
    if not told.enabled or not told.login_url:
        raise NotEnabledError
    if bool(ids) != (mode is Mode.RECORD) or len(ids) > MOST_IDS:
        raise NoIdsError(MOST_IDS)
    trusted = _trusted(mode, told.sobject)
    _refuse_gap(mode, since, told.sobject)
    started = SalesforceRunStarted(
        sobject=told.sobject,
        mode=trusted,
        dry_run=dry_run,
        ids=sorted({canonical(each) for each in ids}),
        reason=proper_reason(reason),
        since=since if trusted is Mode.INCREMENTAL else None,
    )
    run_id = uuid.uuid7()
    row = SalesforceRun(
        run_id=run_id,
        actor=circumstances.current().actor,
        started_at=timezone.now(),
        due_at=Now(),
    )
    try:
        with transaction.atomic():
            _write(row, _evolved(None, started), is_new=True)
            store.append(RUN.stream(run_id), [started], expected_version=NO_STREAM)
            bell.ring_after_commit()
    except IntegrityError:
        other = SalesforceRun.objects.filter(sobject=told.sobject, is_active=True)
        found = other.values_list("run_id", "state").first() or ("", "")
        raise RunActiveError(*map(str, found)) from None
    return row


def watermark(sobject: str) -> datetime | None:
    """Return up to when Salesforce is known; None when it was never read whole."""
    found = SalesforceRun.objects.filter(sobject=sobject, state__in=SUCCEEDED)
    mark: datetime | None = found.aggregate(mark=Max("covered_until"))["mark"]
    return mark


def find(run_id: UUID) -> SalesforceRun:
    """Return a run.

    Raises:
        UnknownRunError: There is none of this id.
    """
    found = SalesforceRun.objects.filter(run_id=run_id).first()
    if found is None:
        raise UnknownRunError
    return found


def state_of(run_id: UUID) -> Run:
    """Return a run as its stream tells it.

    Raises:
        UnknownRunError: There is none of this id.
    """
    found = repository.load(RUN, run_id).state
    if found is None:
        raise UnknownRunError
    return found


def approve(run_id: UUID, *, reason: str) -> SalesforceRun:
    """Let a run deactivate the people it waits for.

    Raises:
        UnknownRunError, RunStateError: There is no run that waits for this.
        InvalidValueError: *reason* is empty, or not acceptable.
    """
    why = needed_reason(reason)
    return _told(run_id, SalesforceRunResumed(is_approved=True, reason=why))


def resume(run_id: UUID, *, reason: str = "") -> SalesforceRun:
    """Let a run go on that was paused; raises as :func:`approve`."""
    return _told(run_id, SalesforceRunResumed(reason=reason))


def pause(run_id: UUID, *, reason: str = "") -> SalesforceRun:
    """Let a run stop after the page it is at; raises as :func:`approve`."""
    return _told(run_id, SalesforceRunHeld(state=State.PAUSED_USER, reason=reason))


def cancel(run_id: UUID, *, reason: str = "") -> SalesforceRun:
    """End a run where it stands; what it recorded stays.  To reject is to cancel.

    Raises as :func:`approve`.
    """
    return _told(run_id, SalesforceRunEnded(state=State.CANCELLED, reason=reason))


def claim(run_id: UUID) -> Leased | None:
    """Take a run into this worker's hands; None when it is not to be worked at now."""
    told = options()
    with transaction.atomic():
        free = _due(told.lease_seconds).filter(run_id=run_id)
        row = free.select_for_update(skip_locked=True).first()
        if row is None:
            return None
        row.fence += 1
        row.beaten_at = Now()
        row.save(update_fields=["fence", "beaten_at"])
        loaded = repository.load(RUN, run_id)
        assert loaded.state is not None  # noqa: S101 - it has a row
        leased = Leased(
            run_id=run_id, fence=row.fence, run=loaded.state, version=loaded.version
        )
        if loaded.state.state is State.PAUSED_LIMIT:
            record(leased, SalesforceRunResumed())
    return leased


def record(leased: Leased, event: Any, *, wait: timedelta = timedelta()) -> None:
    """Append *event* to the run in hand, and say so in its row; a sign of life, too.

    Must run in a transaction to commit with whatever *event* tells of.

    Raises:
        LostLeaseError: The run is in other hands, or somebody told it otherwise.
        RunStateError: The run may not go that way.
    """
    with transaction.atomic():
        mine = SalesforceRun.objects.select_for_update().filter(
            run_id=leased.run_id, fence=leased.fence, is_active=True
        )
        row = mine.first()
        loaded = repository.load(RUN, leased.run_id) if row else None
        if row is None or loaded is None or loaded.version != leased.version:
            raise LostLeaseError
        events = RUN.decide(loaded.state, event)
        with acting(actor=WORKER, source=SYSTEM, correlation_id=leased.run_id):
            store.append(
                RUN.stream(leased.run_id), events, expected_version=leased.version
            )
        run = _evolved(leased.run, event)
        row.beaten_at = Now()
        row.due_at = Now() + wait
        _write(row, run)
        leased.run, leased.version = run, leased.version + 1


def confirm(leased: Leased) -> None:
    """Make sure, at the end of a transaction, that the run is still in hand.

    Raises:
        LostLeaseError: It is not.
    """
    mine = SalesforceRun.objects.filter(
        run_id=leased.run_id, fence=leased.fence, is_active=True
    )
    if not mine.update(beaten_at=Now()):
        raise LostLeaseError


def release(leased: Leased) -> None:
    """Let another worker take the run up at once."""
    mine = SalesforceRun.objects.filter(run_id=leased.run_id, fence=leased.fence)
    mine.update(beaten_at=None)


def put_off(leased: Leased, wait: timedelta) -> None:
    """Let any worker take the run up, but not before *wait* has passed."""
    mine = SalesforceRun.objects.filter(run_id=leased.run_id, fence=leased.fence)
    mine.update(beaten_at=None, due_at=Now() + wait)


def due() -> list[UUID]:
    """Return the runs that somebody should work at, oldest first."""
    found = _due(options().lease_seconds).order_by("started_at")
    return list(found.values_list("run_id", flat=True))


def _due(lease_seconds: int) -> Any:
    workable = [State.QUEUED, State.RUNNING, State.PAUSED_LIMIT]
    dead = Q(beaten_at__isnull=True) | Q(
        beaten_at__lt=Now() - timedelta(seconds=lease_seconds)
    )
    return SalesforceRun.objects.filter(
        dead, is_active=True, state__in=workable, due_at__lte=Now()
    )


def _told(run_id: UUID, event: Any) -> SalesforceRun:
    """Carry out what a human says of a run; the worker in charge loses its lease."""
    proper_reason(event.reason)
    with transaction.atomic():
        row = SalesforceRun.objects.select_for_update().filter(run_id=run_id).first()
        if row is None:
            raise UnknownRunError
        loaded = repository.load(RUN, run_id)
        events = RUN.decide(loaded.state, event)
        store.append(RUN.stream(run_id), events, expected_version=loaded.version)
        row.fence += 1
        row.beaten_at = None
        row.due_at = Now()
        _write(row, _evolved(loaded.state, event))
        bell.ring_after_commit()
    return row


def _refuse_gap(mode: Mode, since: datetime | None, sobject: str) -> None:
    if since is None:
        return
    if mode is not Mode.INCREMENTAL:
        raise SinceError
    mark = watermark(sobject)
    if mark is not None and since > mark:
        raise SinceError(mark)


def _trusted(mode: Mode, sobject: str) -> Mode:
    if mode is not Mode.INCREMENTAL:
        return mode
    mark = watermark(sobject)
    if mark is None:
        raise NoWatermarkError
    return Mode.RECONCILE if timezone.now() - mark > LONGEST_GAP else mode


def _evolved(run: Run | None, event: Any) -> Run:
    evolved = RUN.evolve(run, event)
    assert evolved is not None  # noqa: S101 - it begins with being started
    return evolved


def _write(row: SalesforceRun, run: Run, *, is_new: bool = False) -> None:
    row.sobject, row.mode, row.dry_run = run.sobject, run.mode, run.dry_run
    row.state, row.why, row.org_id = run.state, run.why, run.org_id
    row.pages, row.counts, row.calls = run.pages, run.counts, run.calls
    row.people, row.deactivated = run.people, run.deactivated
    row.covered_until = run.covered_until
    row.used, row.most = run.used, run.most
    row.changed_at = timezone.now()
    row.is_active = run.is_active
    row.save(force_insert=is_new)
