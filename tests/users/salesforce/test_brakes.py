"""A human between Salesforce and a mass accident; runs that keep out of each other."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from tests.factories import metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, run, truth, users_changed
from tests.users.salesforce.acting import as_staff
from users import services
from users.commands import EraseUser
from users.errors import InvalidValueError
from users.events import UserStatusChanged
from users.models import SalesforceFinding, SalesforceLink, SalesforceRun
from users.reactors import wants_welcome
from users.sources.salesforce import backfill, runs
from users.sources.salesforce.errors import (
    LostLeaseError,
    NoIdsError,
    NotEnabledError,
    NoWatermarkError,
    RecordIdError,
    RunActiveError,
    RunStateError,
    UnknownRunError,
)
from users.sources.salesforce.events import SalesforceRunHeld
from users.sources.salesforce.run_state import Mode, State
from users.values import ErasureGround

pytestmark = pytest.mark.django_db


@pytest.fixture
def wiped(connected: Salesforce) -> Salesforce:
    """Let a third of the people vanish."""
    ids = connected.org.seed()
    run()
    for identity in ids[:60]:
        connected.org.purge(identity)
    return connected


@pytest.mark.parametrize(
    ("gone", "state"), [(5, State.SUCCEEDED), (6, State.AWAITING_APPROVAL)]
)
def test_a_few_may_vanish_of_few_and_no_more(
    connected: Salesforce, gone: int, state: State
) -> None:
    ids = connected.org.seed(20)
    run()
    for identity in ids[:gone]:
        connected.org.purge(identity)
    done = run(Mode.RECONCILE)
    assert done.state == state
    assert len(log(UserStatusChanged)) == (5 if state is State.SUCCEEDED else 0)


def test_a_wipe_out_waits_for_a_human(wiped: Salesforce) -> None:
    ids = list(wiped.org.tables["Contact"])
    wiped.org.update(ids[0], LastName="Ordinary")
    before = len(users_changed())
    mark = runs.watermark("Contact")
    held = run(Mode.RECONCILE)
    assert (held.state, held.people) == (State.AWAITING_APPROVAL, 60)
    assert held.why == "60 people would be deactivated"
    assert log(UserStatusChanged) == []
    assert len(users_changed()) == before + 1  # what is ordinary goes on
    assert runs.watermark("Contact") == mark
    assert SalesforceFinding.objects.filter(reason="salesforce_absent").count() == 60
    assert runs.due() == []
    with pytest.raises(RunActiveError):
        run(Mode.INCREMENTAL)


def test_who_approves_lets_it_happen(wiped: Salesforce) -> None:
    held = run(Mode.RECONCILE)
    back = wiped.org.create(LastName="Back", Email="back@example.com")
    with as_staff():
        runs.approve(held.run_id, reason="the office closed")
    done = finish(held)
    assert (done.state, done.deactivated) == (State.SUCCEEDED, 60)
    assert len(log(UserStatusChanged)) == 60
    assert {event.payload.reason for event in log(UserStatusChanged)} == {
        "salesforce_absent"
    }
    assert back not in ours()
    assert run(Mode.RECONCILE).deactivated == 0


@pytest.mark.usefixtures("wiped")
def test_who_rejects_keeps_everybody() -> None:
    held = run(Mode.RECONCILE)
    with as_staff():
        runs.cancel(held.run_id, reason="a mistake over there")
    assert finish(held).state == State.CANCELLED
    assert log(UserStatusChanged) == []
    with as_staff(), pytest.raises(RunStateError):
        runs.approve(held.run_id, reason="too late")


def test_who_came_back_before_the_approval_is_left_alone(
    connected: Salesforce,
) -> None:
    ids = connected.org.seed(80)
    run()
    for identity in ids[:60]:
        connected.org.delete(identity)
    held = run(Mode.INCREMENTAL)
    assert held.state == State.AWAITING_APPROVAL
    for identity in ids[:50]:
        connected.org.undelete(identity)
    with as_staff():
        runs.approve(held.run_id, reason="yes")
    assert finish(held).deactivated == 10
    assert ours() == truth(connected)


def test_a_mass_change_of_status_waits_too(connected: Salesforce) -> None:
    ids = connected.org.seed(80)
    run()
    for identity in ids[:60]:
        connected.org.update(identity, Status__c="Gone")
    held = run(Mode.INCREMENTAL)
    assert (held.state, held.people) == (State.AWAITING_APPROVAL, 60)
    with as_staff():
        runs.approve(held.run_id, reason="yes")
    assert finish(held).deactivated == 60
    assert ours() == truth(connected)
    assert len(log(UserStatusChanged)) == 60
    assert run(Mode.RECONCILE).counts["withheld"] == 0


def test_too_many_records_that_make_no_sense_stop_the_run(
    connected: Salesforce,
) -> None:
    connected.org.fill(60, Email="nonsense")
    connected.org.seed(3)
    held = run()
    assert held.state == State.PAUSED_QUALITY
    assert held.why == "60 of 63 are unusable"
    assert len(ours()) == 3
    with as_staff():
        runs.resume(held.run_id, reason="test data")
    assert finish(held).state == State.SUCCEEDED
    assert held.counts["quarantined"] == 60


@pytest.mark.usefixtures("connected")
def test_a_second_run_is_skipped() -> None:
    with as_staff():
        first = runs.start(Mode.FULL)
        for _ in range(3):
            with pytest.raises(RunActiveError) as caught:
                runs.start(Mode.FULL)
            assert caught.value.run_id == str(first.run_id)
    assert SalesforceRun.objects.count() == 1


@pytest.mark.parametrize(
    ("mode", "ids", "error"),
    [
        (Mode.INCREMENTAL, [], NoWatermarkError),
        (Mode.RECORD, [], NoIdsError),
        (Mode.FULL, ["0035g00000XyZabAAF"], NoIdsError),
        (Mode.RECORD, ["nonsense"], RecordIdError),
        (Mode.RECORD, ["0035g00000XyZabAAF"] * 2_001, NoIdsError),
    ],
)
def test_what_makes_no_sense_is_not_started(
    connected: Salesforce, mode: Mode, ids: list[str], error: type[Exception]
) -> None:
    with as_staff(), pytest.raises(error):
        runs.start(mode, ids=ids)
    assert (log(), SalesforceRun.objects.count()) == ([], 0)
    assert connected.asked == []


def test_nothing_starts_while_it_is_switched_off(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"ENABLED": False}
    with as_staff(), pytest.raises(NotEnabledError):
        runs.start(Mode.FULL)
    assert connected.asked == []


def test_a_run_is_paused_and_goes_on_where_it_stood(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"PAGE_SIZE": 50, "SLICE_SECONDS": 0}
    connected.org.seed()
    with as_staff():
        started = runs.start(Mode.FULL)
        assert backfill.work(started.run_id)
        runs.pause(started.run_id, reason="lunch")
        assert not backfill.work(started.run_id)
        assert runs.find(started.run_id).state == State.PAUSED_USER
        runs.resume(started.run_id)
    done = finish(started)
    assert (done.state, done.pages, done.counts["read"]) == (State.SUCCEEDED, 4, 156)


def test_a_worker_that_was_thought_dead_commits_nothing(
    connected: Salesforce,
) -> None:
    connected.org.seed(3)
    with as_staff():
        started = runs.start(Mode.FULL)
    old = runs.claim(started.run_id)
    assert old is not None
    assert runs.claim(started.run_id) is None  # it lives
    SalesforceRun.objects.update(beaten_at=None)
    assert runs.claim(started.run_id) is not None
    with pytest.raises(LostLeaseError):
        runs.record(old, SalesforceRunHeld(state=State.PAUSED_LIMIT, reason=""))
    assert log(SalesforceRunHeld) == []


def test_a_row_is_what_its_stream_says(wiped: Salesforce) -> None:
    held = run(Mode.RECONCILE)
    told = runs.state_of(held.run_id)
    same = ("state", "counts", "pages", "calls", "people", "org_id", "mode", "why")
    assert [getattr(held, name) for name in same] == [
        getattr(told, name) for name in same
    ]
    assert wiped.org.org_id == told.org_id


def test_nobody_is_welcomed(connected: Salesforce) -> None:
    connected.org.seed(3)
    run()
    assert [wants_welcome(event) for event in users_changed()] == [False] * 3


def test_an_erased_person_is_never_brought_back(connected: Salesforce) -> None:
    identity = connected.org.seed(1)[0]
    run()
    user_id = SalesforceLink.objects.get().user_id
    services.execute(
        EraseUser(user_id=user_id, ground=ErasureGround.REQUEST), metadata()
    )
    email = connected.org.find(identity)[1]["Email"]
    connected.org.update(identity, LastName="Again")
    connected.org.create(LastName="Twin", Email=email)
    before = users_changed()
    done = run(Mode.RECONCILE)
    assert (done.state, done.counts["ignored"]) == (State.SUCCEEDED, 2)
    assert users_changed() == before
    assert {link.state for link in SalesforceLink.objects.all()} == {"ignored"}
    assert [link.said for link in SalesforceLink.objects.all()] == [{}, {}]


def test_there_is_no_such_run(connected: Salesforce) -> None:
    nobody = SalesforceLink(user_id="00000000-0000-4000-8000-00000000ada0").user_id
    for ask in (runs.find, runs.state_of):
        with pytest.raises(UnknownRunError):
            ask(nobody)
    with as_staff(), pytest.raises(UnknownRunError):
        runs.cancel(nobody)
    with as_staff(), pytest.raises(InvalidValueError):
        runs.start(Mode.FULL, reason="x" * 501)
    assert connected.asked == []
