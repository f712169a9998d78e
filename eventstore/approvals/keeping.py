"""Asking a second person, and what they decide; each is an event, the row its fold.

The stream of an approval has two events at most, which the log itself guarantees: the
second is appended at version 1.  So of two who decide at once, one does (ADR-0047).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from eventstore import circumstances, reasons, store
from eventstore.approvals.errors import (
    AskedAlreadyError,
    DecidedError,
    ExpiredError,
    NoApprovalError,
    NotTheAskerError,
    OwnApprovalError,
)
from eventstore.approvals.events import (
    CATEGORY,
    ApprovalAsked,
    ApprovalEvent,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalWithdrawn,
)
from eventstore.approvals.granting import granted
from eventstore.approvals.models import Approval
from eventstore.events import NO_STREAM
from eventstore.models import StoredEvent
from eventstore.reading import COLUMNS, recorded

VALID_FOR = timedelta(hours=24)
LOCK = 7347  # advisory; asked one at a time, so that the same is asked for once
TYPES = ("ApprovalAsked", "ApprovalGiven", "ApprovalRefused", "ApprovalWithdrawn")

State = Approval.State
STATES = {
    ApprovalGiven: State.APPROVED,
    ApprovalRefused: State.REFUSED,
    ApprovalWithdrawn: State.WITHDRAWN,
}
Done = TypeVar("Done")


def ask(
    act: str, target: str, *, values: Mapping[str, str], reason: str, account: int
) -> UUID:
    """Ask a second person for *act* on *target*, and return the id of that; do nothing.

    Args:
        act: One of :mod:`eventstore.approvals.events`.
        target: Stream of whom or what.
        values: What the act needs beside that; nothing of a person.
        reason: Why; sealed for the target.
        account: Number of the account that asks.

    Raises:
        NoReasonError: *reason* is empty.
        AskedAlreadyError: The same waits already, and is not over.
    """
    why = reasons.wanted(reason)
    approval_id = uuid.uuid7()
    with transaction.atomic():
        now = _hold()
        same = waiting().filter(act=act, target=target).first()
        if same is not None:
            raise AskedAlreadyError(same.pk, same.actor.removeprefix("staff:"))
        fact = ApprovalAsked(
            act=act,
            target=target,
            account=account,
            until=now + VALID_FOR,
            reason=why,
            values=dict(values),
        )
        store.append(stream_of(approval_id), [fact], expected_version=NO_STREAM)
        _apply(approval_id, fact, circumstances.current().actor)
    return approval_id


def approve(approval_id: UUID, *, account: int, do: Callable[[Approval], Done]) -> Done:
    """Agree, and have *do* carry it out; return what that returns.

    One transaction: where *do* refuses, nobody has agreed, and nothing was done.  What
    is recorded inside has the id and who asked in its metadata.

    Args:
        approval_id: Which.
        account: Number of the account that agrees; never the asker's.
        do: Carries it out, as judged now.

    Raises:
        NoApprovalError, DecidedError, ExpiredError, OwnApprovalError: See there.
    """
    with transaction.atomic():
        found = _locked(approval_id)
        if found.account == account:
            raise OwnApprovalError
        if not waiting().filter(pk=approval_id).exists():
            raise ExpiredError
        fact = ApprovalGiven(act=found.act, target=found.target, account=account)
        told = {"approval": str(approval_id), "asked_by": found.actor}
        with (
            circumstances.acting(extra=told),
            granted(found.act, found.target),
        ):
            _decide(approval_id, fact)
            return do(found)


def refuse(approval_id: UUID, *, account: int, reason: str) -> Approval:
    """Do not agree, for good; return what was asked for.

    Raises:
        NoReasonError: *reason* is empty.
        NoApprovalError, DecidedError, OwnApprovalError: See there.
    """
    why = reasons.wanted(reason)
    with transaction.atomic():
        found = _locked(approval_id)
        if found.account == account:
            raise OwnApprovalError
        fact = ApprovalRefused(
            act=found.act, target=found.target, account=account, reason=why
        )
        _decide(approval_id, fact)
    return found


def withdraw(approval_id: UUID, *, account: int) -> Approval:
    """Ask for it no longer; return what was asked for.

    Raises:
        NoApprovalError, DecidedError, NotTheAskerError: See there.
    """
    with transaction.atomic():
        found = _locked(approval_id)
        if found.account != account:
            raise NotTheAskerError
        fact = ApprovalWithdrawn(act=found.act, target=found.target, account=account)
        _decide(approval_id, fact)
    return found


def find(approval_id: UUID) -> Approval:
    """Return what was asked for under this id.

    Raises:
        NoApprovalError: Nothing was.
    """
    found = Approval.objects.filter(pk=approval_id).first()
    if found is None:
        raise NoApprovalError
    return found


def waiting() -> QuerySet[Approval]:
    """Return what waits for a second person and is not over."""
    return Approval.objects.filter(state=State.WAITING, until__gt=Now())


def every() -> QuerySet[Approval]:
    """Return all that was ever asked for, newest first."""
    return Approval.objects.order_by("-pk")


def stream_of(approval_id: UUID) -> str:
    """Return the stream in which the log has it."""
    return f"{CATEGORY}-{approval_id}"


def rebuild() -> int:
    """Make the table anew from the log; return how many rows there are.

    Atomic; nobody asks meanwhile.
    """
    with transaction.atomic():
        _hold()
        Approval.objects.all().delete()
        for approval_id, fact, actor in _recorded():
            _apply(approval_id, fact, actor)
        return Approval.objects.count()


def _decide(approval_id: UUID, fact: ApprovalEvent) -> None:
    store.append(stream_of(approval_id), [fact], expected_version=1)
    _apply(approval_id, fact, circumstances.current().actor)


def _apply(approval_id: UUID, fact: ApprovalEvent, actor: str) -> None:
    """Fold one event into the table."""
    if isinstance(fact, ApprovalAsked):
        Approval.objects.create(
            approval_id=approval_id,
            act=fact.act,
            target=fact.target,
            values=fact.values,
            account=fact.account,
            actor=actor,
            until=fact.until,
        )
        return
    Approval.objects.filter(pk=approval_id).update(
        state=STATES[type(fact)], decided_by=fact.account, decider=actor
    )


def _recorded() -> Iterator[tuple[UUID, ApprovalEvent, str]]:
    """Yield what the log tells of approvals, oldest first, with who did it."""
    rows = StoredEvent.objects.filter(type__in=TYPES).order_by("position")
    for event in recorded(rows.values_list(*COLUMNS)):
        if isinstance(event.payload, ApprovalEvent):
            approval_id = UUID(event.stream.removeprefix(f"{CATEGORY}-"))
            yield approval_id, event.payload, event.actor


def _locked(approval_id: UUID) -> Approval:
    """Return a row that nobody has decided on, and that waits for this transaction.

    Raises:
        NoApprovalError: There is none.
        DecidedError: Somebody did, perhaps a moment ago.
    """
    with connection.cursor() as cursor:  # a rebuild waits, as asking does
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [LOCK])
    found = Approval.objects.filter(pk=approval_id).select_for_update().first()
    if found is None:
        raise NoApprovalError
    if found.state != State.WAITING:
        raise DecidedError(found.state, found.decider.removeprefix("staff:"))
    return found


def _hold() -> datetime:
    """Keep others from asking until the end; return the time by the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK])
        cursor.execute("SELECT statement_timestamp()")
        (now,) = cursor.fetchone()
    instant: datetime = now
    return instant
