"""Many at once, with connections of their own: N10 and N12."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db import connection

from tests.factories import metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, run
from tests.users.salesforce.acting import as_staff
from users import services
from users.commands import ChangeName
from users.events import UserEmailChanged, UserNameChanged
from users.models import SalesforceConflict, SalesforceLink, SalesforceRun
from users.sources.salesforce import runs
from users.sources.salesforce.errors import RunActiveError
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.usefixtures("committed_db")
PEOPLE = 150


def beside(works: list[Callable[[], None]]) -> list[threading.Thread]:
    def alone(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=alone, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    return threads


def test_ten_triggers_at_once_start_one_run(connected: Salesforce) -> None:
    results: list[str] = []
    gate = threading.Barrier(10)

    def trigger() -> None:
        gate.wait(20)
        try:
            with as_staff():
                runs.start(Mode.FULL)
            results.append("started")
        except RunActiveError:
            results.append("skipped")

    for thread in beside([trigger] * 10):
        thread.join()
    assert sorted(results) == ["skipped"] * 9 + ["started"]
    assert SalesforceRun.objects.count() == 1
    assert connected.asked == []


def test_edits_beside_a_run_are_neither_lost_nor_undone(
    connected: Salesforce, settings: LazySettings
) -> None:
    owners = {"name": "newest", "email": "salesforce", "status": "salesforce"}
    settings.SALESFORCE = settings.SALESFORCE | {
        "PAGE_SIZE": 10,
        "FIELD_OWNERS": owners,
    }
    ids = connected.org.seed(PEOPLE)
    run()
    users = dict(SalesforceLink.objects.values_list("sf_id", "user_id"))
    for number, identity in enumerate(ids):
        connected.org.update(identity, Email=f"moved.{number}@example.com")

    def edit(mine: list[str]) -> None:
        for identity in mine:
            command = ChangeName(user_id=users[identity], name=f"Local {identity}")
            services.execute(command, metadata())

    with as_staff():
        started = runs.start(Mode.INCREMENTAL)
    threads = beside([lambda: edit(ids[::3]), lambda: edit(ids[1::3])])
    done = finish(started)
    for thread in threads:
        thread.join()
    assert (done.state, done.counts["changed"]) == (State.SUCCEEDED, PEOPLE)
    edited = {*ids[::3], *ids[1::3]}
    found = ours()
    for number, identity in enumerate(ids):
        name, email, _ = found[identity]
        assert email == f"moved.{number}@example.com"
        assert (name == f"Local {identity}") is (identity in edited)
    assert len(log(UserNameChanged)) == len(edited)
    assert len(log(UserEmailChanged)) == PEOPLE
    assert SalesforceConflict.objects.count() == 0
    assert run(Mode.RECONCILE).counts["changed"] == 0
