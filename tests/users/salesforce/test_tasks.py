from __future__ import annotations

import pytest
from django.conf import LazySettings

from tests.salesforce.answers import Salesforce
from tests.salesforce.here import ours, truth
from tests.users.salesforce.acting import as_staff
from users import tasks
from users.models import SalesforceRun
from users.sources.salesforce import runs
from users.sources.salesforce.bell import bell
from users.sources.salesforce.run_state import Mode, State

# A task closes the connection that it finds, and a test's transaction with it.
pytestmark = pytest.mark.usefixtures("committed_db")


def test_the_schedule_starts_and_the_sweep_works(
    connected: Salesforce, settings: LazySettings
) -> None:
    connected.org.seed(3)
    tasks.salesforce_start("incremental")  # never read whole: skipped
    assert SalesforceRun.objects.count() == 0
    tasks.salesforce_start("reconcile")
    tasks.salesforce_start("reconcile")  # one is under way: skipped
    assert [each.state for each in SalesforceRun.objects.all()] == [State.QUEUED]
    tasks.salesforce_sweep()
    tasks.salesforce_sweep()
    assert ours() == truth(connected)
    tasks.salesforce_start("incremental")
    assert SalesforceRun.objects.count() == 2
    settings.SALESFORCE |= {"ENABLED": False}
    tasks.salesforce_start("full")
    assert SalesforceRun.objects.count() == 2


def test_the_sweep_hands_on_a_run_that_is_not_done(
    connected: Salesforce, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(1))
    settings.SALESFORCE |= {"PAGE_SIZE": 50, "SLICE_SECONDS": 0}
    connected.org.seed()
    with as_staff():
        started = runs.start(Mode.FULL)
    for _ in range(6):
        tasks.salesforce_sweep()
    assert runs.find(started.run_id).state == State.SUCCEEDED
    assert len(rung) == 5  # at the start, and after each page
