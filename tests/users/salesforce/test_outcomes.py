"""What the page of a run says came of each whom it was to deactivate."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.conf import LazySettings

from tests.backoffice import regions, superuser
from tests.factories import metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, run
from tests.users.salesforce.acting import as_staff
from users import services
from users.commands import ChangeStatus, EraseUser
from users.events import UserStatusChanged
from users.models import SalesforceFinding, SalesforceLink, SalesforceRun
from users.sources.salesforce import runs
from users.sources.salesforce.run_state import Mode, State
from users.values import ErasureGround, Status

pytestmark = pytest.mark.django_db
PAGE = "/admin/users/salesforcerun/{}/"


def user_of(sf_id: str) -> UUID:
    return SalesforceLink.objects.get(sf_id=sf_id).user_id


def told(done: SalesforceRun, *ids: str) -> list[str]:
    """Return what the table says of these records."""
    page = superuser().get(PAGE.format(done.run_id))
    rows = regions(page, "finding")
    return [
        row.removeprefix(begin)
        for begin in (f"{each} {user_of(each)} " for each in ids)
        for row in rows
        if row.startswith(begin)
    ]


@pytest.fixture
def held(connected: Salesforce) -> tuple[SalesforceRun, list[str]]:
    """Let 60 records be deleted, and a run wait for somebody."""
    ids = connected.org.seed(70)[:60]
    run()
    for identity in ids:
        connected.org.delete(identity)
    return run(Mode.INCREMENTAL), ids


def test_each_is_told_what_really_happened(
    connected: Salesforce, held: tuple[SalesforceRun, list[str]]
) -> None:
    waiting, ids = held
    assert told(waiting, ids[0]) == [
        "waits: not deactivated yet salesforce_deleted",
    ]
    connected.org.undelete(ids[0])
    connected.org.undelete(ids[1])
    connected.org.update(ids[1], Email="nonsense")
    erase = EraseUser(user_id=user_of(ids[2]), ground=ErasureGround.REQUEST)
    services.execute(erase, metadata())
    leave = ChangeStatus(user_id=user_of(ids[3]), status=Status.DEACTIVATED, reason="")
    services.execute(leave, metadata(), overrides=True)
    before = len(log(UserStatusChanged))
    with as_staff():
        runs.approve(waiting.run_id, reason="they left")
    done = finish(waiting)
    assert (done.state, done.deactivated) == (State.SUCCEEDED, 56)
    assert len(log(UserStatusChanged)) == before + 56
    assert told(done, *ids[:5]) == [
        "kept: the record came back —",
        "kept: the record makes no sense now —",
        "erased meanwhile —",
        "was deactivated already salesforce_deleted",
        "deactivated salesforce_deleted",
    ]


def test_of_a_run_that_was_rejected_everybody_is_kept(
    held: tuple[SalesforceRun, list[str]],
) -> None:
    waiting, ids = held
    with as_staff():
        runs.cancel(waiting.run_id, reason="a mistake over there")
    assert told(finish(waiting), ids[0], ids[59]) == [
        "kept: the run ended before salesforce_deleted",
        "kept: the run ended before salesforce_deleted",
    ]


def test_what_an_older_run_did_not_tell_is_not_guessed(
    held: tuple[SalesforceRun, list[str]],
) -> None:
    waiting, ids = held
    with as_staff():
        runs.approve(waiting.run_id, reason="they left")
    done = finish(waiting)
    SalesforceFinding.objects.filter(sf_id=ids[0]).update(reason="")
    assert told(done, ids[0]) == ["kept —"]


def test_where_nobody_is_deactivated_none_is_said_to_be(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"ON_DELETE": "flag"}
    ids = connected.org.seed(3)
    run()
    connected.org.delete(ids[0])
    connected.org.update(ids[1], Status__c="Gone")
    rehearsed = run(Mode.INCREMENTAL, dry_run=True)
    assert told(rehearsed, ids[1]) == [
        "would be deactivated active deactivated salesforce_status"
    ]
    done = run(Mode.INCREMENTAL)
    assert done.deactivated == 1
    assert told(done, ids[0], ids[1]) == [
        "kept: only noted with the record salesforce_deleted",
        "deactivated salesforce_status",
    ]
