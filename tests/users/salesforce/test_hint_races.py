"""Hints and workers of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.utils import timezone

from eventstore.intake.models import RecordMapping
from tests.factories import known_user
from tests.intake import let_time_pass, work
from tests.processes import wait_until
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, truth
from tests.salesforce.outbound import ACK, deliver, message, notification
from tests.users.salesforce.hinting import became, hinted, hinting, tell
from users import tasks
from users.aggregate import USER
from users.models import SalesforceLink, SalesforceRun
from users.sources.salesforce import hints, links
from users.sources.salesforce.events import SalesforceRunStarted
from users.sources.salesforce.run_state import State

__all__ = ["hinting"]
pytestmark = [pytest.mark.usefixtures("committed_db")]


def test_the_sweep_reads_what_was_hinted_at_once(hinting: Salesforce) -> None:
    ids = hinting.org.seed(3)
    tell(*ids)
    tasks.salesforce_sweep()
    tasks.salesforce_sweep()
    assert [each.state for each in SalesforceRun.objects.all()] == [State.SUCCEEDED]
    assert ours() == truth(hinting)


def test_two_workers_start_one_run_over_the_hints(hinting: Salesforce) -> None:
    ids = hinting.org.seed(3)
    tell(*ids)
    gate, started = threading.Barrier(4), []

    def take() -> None:
        gate.wait(20)
        started.append(hints.start_run())
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (only,) = filter(None, started)
    (event,) = log(SalesforceRunStarted)
    assert event.payload.ids == sorted(ids)
    assert finish(only).counts["read"] == 3
    assert hinted() == []


def test_a_hint_waits_for_whoever_links_its_record(hinting: Salesforce) -> None:
    user_id = known_user()
    identity = hinting.org.create(LastName="Byron", Email="ada@example.com")
    assert deliver(message(notification(1, identity))).content == ACK
    worker = threading.Thread(target=alone, args=(work,))
    now = timezone.now()
    with transaction.atomic():
        links.settle()
        link = {"sobject": "Contact", "stamp": now, "modified": now, "state": "linked"}
        links.save([SalesforceLink(sf_id=identity, user_id=user_id, **link)])
        worker.start()
        wait_until(is_anybody_waiting)
    worker.join()
    assert (became(), hinted()) == (["failing"], [])
    let_time_pass()
    work()
    assert (became(), hinted()) == (["applied"], [identity])
    assert RecordMapping.objects.get().subject == USER.stream(user_id)


def alone(act: Callable[[], None]) -> None:
    try:
        act()
    finally:
        connection.close()


def is_anybody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE locktype = 'advisory' AND NOT granted AND objid = %s",
            [links.LOCK],
        )
        return bool(cursor.fetchone()[0])
