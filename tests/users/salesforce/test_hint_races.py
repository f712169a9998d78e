"""Hints and workers of their own."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, truth
from tests.users.salesforce.hinting import hinted, hinting, tell
from users import tasks
from users.models import SalesforceRun
from users.sources.salesforce import hints
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
