from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now

from eventstore import congestion, pauses, subscriptions
from eventstore.models import Checkpoint
from projections.directory import DIRECTORY
from tests.factories import known_user
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
    settings.SALESFORCE = settings.SALESFORCE | {"ENABLED": False}
    tasks.salesforce_start("full")
    assert SalesforceRun.objects.count() == 2


def test_the_sweep_hands_on_a_run_that_is_not_done(
    connected: Salesforce, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(1))
    settings.SALESFORCE = settings.SALESFORCE | {"PAGE_SIZE": 50, "SLICE_SECONDS": 0}
    connected.org.seed()
    with as_staff():
        started = runs.start(Mode.FULL)
    for _ in range(6):
        tasks.salesforce_sweep()
    assert runs.find(started.run_id).state == State.SUCCEEDED
    assert len(rung) == 5  # at the start, and after each page


def test_a_run_waits_for_whoever_is_far_behind_and_can_catch_up(
    connected: Salesforce, settings: LazySettings
) -> None:
    subscriptions.catch_up(DIRECTORY)  # it has begun
    settings.SALESFORCE = settings.SALESFORCE | {"PAGE_SIZE": 50, "MOST_BEHIND": 30}
    connected.org.seed()
    with as_staff():
        started = runs.start(Mode.FULL)
    tasks.salesforce_sweep()
    waiting = runs.find(started.run_id)
    assert (waiting.state, waiting.pages, waiting.beaten_at) == (State.RUNNING, 1, None)
    tasks.salesforce_sweep()  # it is not due
    assert runs.find(started.run_id).pages == 1

    SalesforceRun.objects.update(due_at=Now())
    tasks.salesforce_sweep()  # nobody moved: it is looked at and put off
    assert runs.find(started.run_id).pages == 1
    for each in subscriptions.all_subscriptions():
        subscriptions.catch_up(each)
    SalesforceRun.objects.update(due_at=Now())
    tasks.salesforce_sweep()
    assert runs.find(started.run_id).pages == 2


@pytest.mark.parametrize("trouble", ["paused", "failing"])
def test_whoever_cannot_catch_up_is_not_waited_for(trouble: str) -> None:
    subscriptions.catch_up(DIRECTORY)
    for _ in range(3):
        known_user()
    for each in subscriptions.all_subscriptions():
        if each is not DIRECTORY:
            subscriptions.catch_up(each)
    assert congestion.behind(2) == "directory"
    assert congestion.behind(10_000) == ""
    if trouble == "paused":
        with as_staff():
            pauses.pause("directory", reason="OPS-412")
    else:
        Checkpoint.objects.filter(subscription="directory").update(error="DiskFull")
    assert congestion.behind(2) == ""
