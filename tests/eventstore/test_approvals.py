"""What takes two is asked for, and approved, refused or withdrawn once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from eventstore import rebuilds, store
from eventstore.approvals import keeping
from eventstore.approvals.errors import (
    ApprovalError,
    AskedAlreadyError,
    DecidedError,
    ExpiredError,
    NoApprovalError,
    NotTheAskerError,
    OwnApprovalError,
    SecondPersonError,
)
from eventstore.approvals.events import (
    REBUILD,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalWithdrawn,
)
from eventstore.approvals.models import Approval
from eventstore.circumstances import acting
from eventstore.errors import NoReasonError, RebuildRunsError
from eventstore.models import Rebuild, StoredEvent
from eventstore.sentences import sentence
from tests.processes import somebody_waits_for_a_lock, wait_until

MAX, LEA, KIM = 7, 8, 9
TARGET = "subscription-directory"
NAMES = {MAX: "max", LEA: "lea", KIM: "kim"}
WHY = "OPS-412 名前 <b>&"
FACTS = {"act": REBUILD, "target": TARGET}


def staff(account: int) -> Any:
    return acting(
        actor=f"staff:{NAMES[account]}", source="admin", correlation_id=uuid4()
    )


def ask(account: int = MAX, target: str = TARGET) -> UUID:
    with staff(account):
        return keeping.ask(REBUILD, target, values={}, reason=WHY, account=account)


def rebuilt(found: Approval) -> Rebuild:
    return rebuilds.start(found.target.partition("-")[2], reason=WHY)


def nothing(found: Approval) -> str:
    return found.act


def approve(
    approval_id: UUID, account: int = LEA, do: Callable[[Approval], Any] = nothing
) -> Any:
    with staff(account):
        return keeping.approve(approval_id, account=account, do=do)


def refuse(approval_id: UUID, account: int = LEA, reason: str = WHY) -> Any:
    with staff(account):
        return keeping.refuse(approval_id, account=account, reason=reason)


def withdraw(approval_id: UUID, account: int = MAX) -> Any:
    with staff(account):
        return keeping.withdraw(approval_id, account=account)


def payloads(approval_id: UUID) -> list[object]:
    return [each.payload for each in store.read_stream(f"approval-{approval_id}")]


def table() -> list[tuple[Any, ...]]:
    return sorted(Approval.objects.values_list(), key=str)


@pytest.mark.django_db
def test_the_act_happens_with_the_approval_and_names_both(settings: Settings) -> None:
    settings.FOUR_EYES = True
    approval_id = ask()
    assert Rebuild.objects.count() == 0
    made = approve(approval_id, do=rebuilt)
    assert (made.subscription, made.actor) == ("directory", "staff:lea")
    asked, given = store.read_stream(f"approval-{approval_id}")
    assert given.payload == ApprovalGiven(**FACTS, account=LEA)
    (begun,) = store.read_stream(TARGET)
    both = {"approval": str(approval_id), "asked_by": "staff:max"}
    for event in (given, begun):
        assert {key: event.metadata[key] for key in both} == both
        assert event.actor == "staff:lea"
        assert sentence(event).endswith("; asked for by max")
    assert sentence(given) == (
        f"lea approved the rebuild of {TARGET}; asked for by max"
    )
    assert sentence(asked) == f"max asked a second person for the rebuild of {TARGET}"
    row = Approval.objects.get()
    assert (row.state, row.account, row.decided_by) == ("approved", MAX, LEA)


@pytest.mark.django_db
def test_where_it_takes_two_nobody_does_it_alone(settings: Settings) -> None:
    settings.FOUR_EYES = True
    for act in (
        lambda: rebuilds.start("directory", reason=WHY),
        lambda: approve(ask(target="subscription-history"), do=_of_another),
    ):
        with staff(LEA), pytest.raises(SecondPersonError, match="Nothing was done"):
            act()
    with pytest.raises(CommandError, match="a second person must approve this"):
        call_command("subscriptions", "rebuild", "directory", reason=WHY)
    assert Rebuild.objects.count() == 0
    settings.FOUR_EYES = False
    with staff(LEA):
        rebuilds.start("directory", reason=WHY)
    settings.FOUR_EYES = True
    with staff(MAX), pytest.raises(RebuildRunsError):  # no reason to ask anybody
        rebuilds.start("directory", reason=WHY)


def _of_another(found: Approval) -> None:
    assert found.target == "subscription-history"
    rebuilds.start("directory", reason=WHY)


@pytest.mark.django_db
def test_what_cannot_be_done_is_not_approved(settings: Settings) -> None:
    settings.FOUR_EYES = True
    approval_id = ask()
    before = StoredEvent.objects.count()
    Rebuild.objects.create(
        subscription="directory",
        actor="staff:kim",
        reason=WHY,
        digest="",
        until=0,
        started_at="2026-11-06T12:00Z",
    )
    with pytest.raises(RebuildRunsError, match="kim"):
        approve(approval_id, do=rebuilt)
    assert StoredEvent.objects.count() == before
    assert Approval.objects.get().state == "waiting"
    Rebuild.objects.all().delete()
    approve(approval_id, do=rebuilt)


@pytest.mark.django_db
def test_whoever_asks_never_decides_and_only_they_withdraw() -> None:
    approval_id = ask()
    for attempt in (approve, refuse):
        with pytest.raises(OwnApprovalError):
            attempt(approval_id, MAX)
    with pytest.raises(NotTheAskerError):
        withdraw(approval_id, LEA)
    with pytest.raises(NoReasonError):
        refuse(approval_id, reason=" ")
    assert len(payloads(approval_id)) == 1
    row = {"act": REBUILD, "target": "t", "values": {}, "actor": "a", "account": MAX}
    row |= {"until": "2026-11-06T12:00Z"}
    for odd in (
        {"state": "approved", "decided_by": MAX},
        {"state": "refused", "decided_by": MAX},
        {"state": "approved"},
        {"state": "withdrawn"},
        {"state": "withdrawn", "decided_by": LEA},
        {"state": "waiting", "decided_by": LEA},
        {"state": "made up", "decided_by": LEA},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Approval.objects.create(approval_id=uuid4(), **row | odd)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(pk=approval_id).update(state="approved", decided_by=MAX)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("decides", "fact"),
    [
        (approve, ApprovalGiven(**FACTS, account=LEA)),
        (refuse, ApprovalRefused(**FACTS, account=LEA, reason=WHY)),
        (withdraw, ApprovalWithdrawn(**FACTS, account=MAX)),
    ],
)
def test_what_is_decided_stays_decided(decides: Any, fact: object) -> None:
    approval_id = ask()
    decides(approval_id)
    assert payloads(approval_id)[1:] == [fact]
    for attempt in (approve, refuse, withdraw):
        with pytest.raises(DecidedError):
            attempt(approval_id)
    assert len(payloads(approval_id)) == 2
    assert ask() != approval_id


@pytest.mark.django_db
def test_what_waited_a_day_is_over_and_may_be_asked_anew() -> None:
    approval_id = ask()
    with pytest.raises(AskedAlreadyError, match="max asked for this already") as told:
        ask(LEA)
    assert told.value.approval_id == approval_id
    asked = store.read_stream(f"approval-{approval_id}")[0]
    lasts = Approval.objects.get().until - asked.recorded_at
    assert round(lasts.total_seconds()) == 24 * 3600
    Approval.objects.update(until=asked.recorded_at)
    with pytest.raises(ExpiredError):
        approve(approval_id)
    assert not keeping.waiting().exists()
    assert ask(LEA) != approval_id
    withdraw(approval_id)


@pytest.mark.django_db
def test_the_table_is_the_fold_of_the_log() -> None:
    approve(ask())
    refuse(ask())
    withdraw(ask())
    ask(LEA)
    before = table()
    assert len(before) == 4
    Approval.objects.filter(state="refused").update(target="drifted")
    Approval.objects.filter(state="approved").delete()
    call_command("rebuild_approvals")
    assert table() == before
    with pytest.raises(NoApprovalError):
        keeping.find(uuid4())


def raced(gate: Any, *acts: Callable[[], Any]) -> list[object]:
    """Run *acts* at once, each in a session of its own; what each came to."""
    came: list[object] = [None] * len(acts)

    def run(place: int) -> None:
        try:
            came[place] = acts[place]()
        except ApprovalError as error:
            came[place] = type(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[n]) for n in range(len(acts))]
    with transaction.atomic():
        gate()
        for thread in threads:
            thread.start()
        wait_until(somebody_waits_for_a_lock)
    for thread in threads:
        thread.join()
    return came


@pytest.mark.usefixtures("committed_db", "superuser")
def test_of_many_who_decide_at_once_one_does() -> None:
    acts = []

    def done(found: Approval) -> str:
        acts.append(found.pk)
        return "done"

    came = raced(keeping._hold, *[ask] * 3)  # noqa: SLF001 - all of them wait there
    assert came.count(AskedAlreadyError) == 2
    approval_id = Approval.objects.get().pk
    came = raced(
        lambda: Approval.objects.select_for_update().get(),
        lambda: approve(approval_id, LEA, done),
        lambda: approve(approval_id, KIM, done),
        lambda: refuse(approval_id, KIM),
        lambda: withdraw(approval_id),
    )
    assert came.count(DecidedError) == 3
    assert len(payloads(approval_id)) == 2
    assert acts == [approval_id] * came.count("done")


@pytest.mark.usefixtures("committed_db")
def test_two_who_approve_at_once_do_it_once(settings: Settings) -> None:
    settings.FOUR_EYES = True
    approval_id = ask()
    both = [lambda who=who: approve(approval_id, who, rebuilt) for who in (LEA, KIM)]
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE none")  # sees who waits
    came = raced(lambda: Approval.objects.select_for_update().get(), *both)
    assert came.count(DecidedError) == 1
    assert Rebuild.objects.count() == 1
    assert len(store.read_stream(TARGET)) == 1
