"""The scenario A13: workers die in the middle of a run, again and again."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from eventstore.circumstances import acting
from eventstore.events import SYSTEM
from tests.journeys.cast import Cast
from tests.processes import wait_until
from tests.salesforce.here import log, ours, point_at, truth, users_changed
from tests.salesforce.server import salesforce
from users.models import SalesforceRun
from users.sources.salesforce import login, runs
from users.sources.salesforce.events import SalesforcePageRead
from users.sources.salesforce.run_state import Mode, State

PEOPLE = 4_000
KILLS = 5
PAGE = 200
ENVIRONMENT = {
    "SALESFORCE_ENABLED": "true",
    "SALESFORCE_CLIENT_ID": "3MVG9consumer",
    "SALESFORCE_CLIENT_SECRET": "the-consumer-secret",
    "SALESFORCE_PAGE_SIZE": str(PAGE),
    "SALESFORCE_LEASE_SECONDS": "1",
    "SALESFORCE_STATUS_FIELD": "Status__c",
    "SALESFORCE_STATUS_MAP": "Active=active",
}


def sweep_each_second() -> None:
    often, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    PeriodicTask.objects.filter(name="salesforce sweep").update(interval=often)


def pages() -> int:
    return SalesforceRun.objects.get().pages


def test_a_run_whose_workers_are_killed_loses_and_doubles_nothing(
    cast: Cast, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(11)  # noqa: S311 - not for secrets
    login.forget()
    with salesforce() as org:
        org.org.fill(PEOPLE)
        org.latency = 0.05
        settings.SALESFORCE = point_at(org, LEASE_SECONDS=1)
        for name, value in (ENVIRONMENT | {"SALESFORCE_LOGIN_URL": org.url}).items():
            monkeypatch.setenv(name, value)
        sweep_each_second()
        cast.start_broker()
        cast.start_beat()
        with acting(actor="system:tests", source=SYSTEM, correlation_id=uuid4()):
            started = runs.start(Mode.FULL)
        for _ in range(KILLS):
            cast.start_worker()
            target = pages() + chance.randint(1, 3)
            wait_until(lambda target=target: pages() >= target)  # type: ignore[misc]
            cast.kill("worker")
            assert runs.find(started.run_id).state == State.RUNNING
            wait_until(runs.due)  # its lease ends
        cast.start_worker()
        wait_until(lambda: not SalesforceRun.objects.get().is_active, 60)
        done = runs.find(started.run_id)
        assert (done.state, done.why) == (State.SUCCEEDED, "")
        assert ours() == truth(org)
    assert done.counts["created"] == PEOPLE
    assert len(users_changed()) == PEOPLE
    numbers = [event.payload.number for event in log(SalesforcePageRead)]
    assert sorted(numbers) == list(range(1, PEOPLE // PAGE + 2))
    streams = Counter(event.stream for event in users_changed())
    assert set(streams.values()) == {1}
    assert Path(cast.folder, "worker.log").read_text().count("consumer-secret") == 0
