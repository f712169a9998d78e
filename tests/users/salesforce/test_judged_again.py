"""Whom a run was to deactivate is judged again when it is written."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.conf import LazySettings

from tests.factories import metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, run
from tests.users.salesforce.acting import as_staff
from users import services
from users.commands import ChangeName, ChangeStatus, EraseUser
from users.events import UserStatusChanged
from users.models import SalesforceFinding, SalesforceLink, SalesforceRun
from users.sources.salesforce import runs
from users.sources.salesforce.run_state import Mode, State
from users.values import ErasureGround, Status

pytestmark = pytest.mark.django_db


def user_of(sf_id: str) -> UUID:
    return SalesforceLink.objects.get(sf_id=sf_id).user_id


def leave(sf_id: str) -> None:
    gone = ChangeStatus(user_id=user_of(sf_id), status=Status.DEACTIVATED, reason="")
    services.execute(gone, metadata(), overrides=True)


def rename(sf_id: str) -> None:
    name = ChangeName(user_id=user_of(sf_id), name="Ours")
    services.execute(name, metadata(), overrides=True)


def erase(sf_id: str) -> None:
    gone = EraseUser(user_id=user_of(sf_id), ground=ErasureGround.REQUEST)
    services.execute(gone, metadata())


def approved(held: SalesforceRun) -> SalesforceRun:
    assert held.state == State.AWAITING_APPROVAL
    with as_staff():
        runs.approve(held.run_id, reason="they left")
    return finish(held)


def came(done: SalesforceRun) -> dict[str, str]:
    found = SalesforceFinding.objects.filter(run_id=done.run_id, is_done=True)
    return dict(found.values_list("sf_id", "reason"))


@pytest.fixture
def strict(connected: Salesforce, settings: LazySettings) -> Salesforce:
    """Let every deactivation wait for somebody."""
    settings.SALESFORCE = settings.SALESFORCE | {"BRAKE_MIN": 0, "BRAKE_RATIO": 0.0}
    return connected


def test_who_was_changed_here_meanwhile_is_kept(strict: Salesforce) -> None:
    ids = strict.org.seed(4)
    run()
    strict.org.delete(ids[0])
    strict.org.update(ids[1], Status__c="Gone", LastName="Renamed")
    strict.org.delete(ids[2])
    held = run(Mode.INCREMENTAL)
    rename(ids[0])
    done = approved(held)
    assert came(done) == {
        ids[0]: "kept:changed_here",
        ids[1]: "salesforce_status",  # what the run itself changed is no reason
        ids[2]: "salesforce_deleted",
    }
    assert done.deactivated == 2
    assert ours()[ids[0]][::2] == ("Ours", "active")
    # The next run that reads it asks anew.
    again = approved(run(Mode.RECONCILE))
    assert came(again) == {ids[0]: "salesforce_deleted"}


def test_who_vanished_and_was_changed_here_is_kept(strict: Salesforce) -> None:
    ids = strict.org.seed(2)
    run()
    for identity in ids:
        strict.org.purge(identity)
    held = run(Mode.RECONCILE)
    rename(ids[1])
    done = approved(held)
    assert came(done) == {ids[0]: "salesforce_absent", ids[1]: "kept:changed_here"}


@pytest.mark.parametrize(
    ("settled", "reasons"),
    [
        ({"ON_DELETE": "ignore"}, ["kept:settings", "salesforce_status"]),
        ({"ON_DELETE": "flag"}, ["flagged:salesforce_deleted", "salesforce_status"]),
    ],
)
def test_the_settings_of_then_count(
    strict: Salesforce,
    settings: LazySettings,
    settled: dict[str, object],
    reasons: list[str],
) -> None:
    ids = strict.org.seed(2)
    run()
    strict.org.delete(ids[0])
    strict.org.update(ids[1], Status__c="Gone")
    held = run(Mode.INCREMENTAL)
    settings.SALESFORCE = settings.SALESFORCE | settled
    found = came(approved(held))
    assert [found[each] for each in ids] == reasons


def test_whose_status_is_ours_by_now_is_kept(
    strict: Salesforce, settings: LazySettings
) -> None:
    identity = strict.org.seed(1)[0]
    run()
    suspend = ChangeStatus(
        user_id=user_of(identity), status=Status.SUSPENDED, reason=""
    )
    services.execute(suspend, metadata(), overrides=True)
    strict.org.update(identity, Status__c="Gone")
    held = run(Mode.INCREMENTAL)
    settings.SALESFORCE = settings.SALESFORCE | {"FIELD_OWNERS": {"status": "local"}}
    assert came(approved(held)) == {identity: "kept:settings"}
    assert ours()[identity][2] == "suspended"


def test_nobody_counts_who_is_erased_or_gone_already(strict: Salesforce) -> None:
    ids = strict.org.seed(6)
    run()
    for identity in ids[:2]:
        erase(identity)
    for identity in ids[2:4]:
        leave(identity)
    before = len(log(UserStatusChanged))
    for identity in ids[:4:2]:
        strict.org.purge(identity)
    for identity in ids[1:4:2]:
        strict.org.delete(identity)
    rehearsed = run(Mode.RECONCILE, dry_run=True)
    assert rehearsed.state == State.SUCCEEDED
    assert SalesforceFinding.objects.count() == 0
    assert set(SalesforceLink.objects.values_list("state", flat=True)) == {"linked"}
    done = run(Mode.RECONCILE)
    assert (done.state, done.deactivated) == (State.SUCCEEDED, 0)
    states = SalesforceLink.objects.in_bulk(ids[:4])
    assert [states[each].state for each in ids[:4]] == [
        *("ignored", "ignored", "absent", "deleted")
    ]
    assert states[ids[0]].said == {}
    assert SalesforceFinding.objects.count() == 0
    assert len(log(UserStatusChanged)) == before


def test_who_is_erased_while_it_waits_is_not_looked_for_again(
    strict: Salesforce,
) -> None:
    identity = strict.org.seed(2)[0]
    run()
    strict.org.purge(identity)
    held = run(Mode.RECONCILE)
    erase(identity)
    assert came(approved(held)) == {identity: "kept:erased"}
    link = SalesforceLink.objects.get(sf_id=identity)
    assert (link.state, link.said) == ("ignored", {})
    assert run(Mode.RECONCILE).state == State.SUCCEEDED
