"""What Prometheus is told of the runs over Salesforce."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from tests.factories import api_token
from tests.salesforce.answers import Salesforce
from tests.salesforce.faults import Call, Fault
from tests.salesforce.here import run
from users.models import SalesforceRun
from users.scopes import Scope
from users.sources.salesforce.run_state import Mode

pytestmark = pytest.mark.django_db
PREFIX = "annals_salesforce_"


def told() -> dict[str, float]:
    token = api_token(uuid4().hex, scopes=[Scope.METRICS_READ])
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get("/metrics")
    lines = answer.content.decode().splitlines()
    found = [each.removeprefix(PREFIX) for each in lines if each.startswith(PREFIX)]
    return {name: float(value) for name, value in (each.split() for each in found)}


def test_nothing_is_told_of_what_is_switched_off(settings: LazySettings) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"ENABLED": False}
    assert told() == {}


@pytest.mark.usefixtures("connected")
def test_before_the_first_run() -> None:
    nothing = ("failing", "runs_held", "conflicts", "quarantined", "hinted")
    assert told() == dict.fromkeys(nothing, 0) | {"stale": 1}


def test_a_run_that_went_well(connected: Salesforce) -> None:
    connected.org.seed(3)
    connected.org.create(LastName="No address", Email=None)
    connected.org.api_limit = 1000
    run()
    known = told()
    assert 0 <= known.pop("success_age_seconds") < 60
    assert 3000 < known.pop("covered_age_seconds") < 4000  # its clock is behind ours
    assert known.pop("api_used_share") == 0.003
    nothing = ("stale", "failing", "runs_held", "conflicts", "hinted")
    assert known == dict.fromkeys(nothing, 0) | {"quarantined": 1}


def test_runs_in_trouble(connected: Salesforce) -> None:
    connected.org.seed(3)
    run()
    late = timezone.now() - timedelta(hours=2)
    SalesforceRun.objects.update(changed_at=late)
    connected.faults.plan(Call.COUNT, Fault.UNAVAILABLE, times=9)
    run(Mode.INCREMENTAL)
    known = told()
    assert (known["stale"], known["failing"], known["runs_held"]) == (1, 1, 0)
    assert known["success_age_seconds"] >= 7200
    connected.faults.plan(Call.QUERY, Fault.LIMIT)
    run(Mode.INCREMENTAL)
    assert told()["runs_held"] == 1
