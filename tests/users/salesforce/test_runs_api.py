from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings

from eventstore.events import REST
from tests.factories import ADA, api_token
from tests.rest import client, post, problem
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, run
from users.models import SalesforceRun
from users.sources.salesforce import runs
from users.sources.salesforce.events import SalesforceRunStarted
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/salesforce/runs"


def test_a_run_is_started_and_watched(connected: Salesforce) -> None:
    connected.org.seed(3)
    api = client()
    answer = post(api, RUNS, {"mode": "full", "reason": "first load"})
    assert answer.status_code == 202
    told = json.loads(answer.content)
    assert (told["state"], told["mode"], told["actor"]) == (
        "queued",
        "full",
        "client:crm-portal",
    )
    assert answer["Location"] == f"{RUNS}/{told['run_id']}"
    (started,) = log(SalesforceRunStarted)
    assert (started.actor, started.source) == ("client:crm-portal", REST)
    assert started.payload.reason == "first load"
    finish(SalesforceRun.objects.get())
    now = api.get(answer["Location"]).json()
    assert (now["state"], now["counts"]["created"]) == ("succeeded", 3)
    assert api.get(RUNS).json() == {"runs": [now]}


def test_a_repeat_starts_nothing(connected: Salesforce) -> None:
    api = client()
    key = {"headers": {"Idempotency-Key": "k1"}}
    first = post(api, RUNS, {"mode": "full"}, **key)
    second = post(api, RUNS, {"mode": "full"}, **key)
    assert (first.status_code, first.content) == (202, second.content)
    assert second["Idempotency-Replayed"] == "true"
    assert SalesforceRun.objects.count() == 1
    assert connected.asked == []


@pytest.mark.usefixtures("connected")
def test_a_second_run_is_refused() -> None:
    api = client()
    first = json.loads(post(api, RUNS, {"mode": "full"}).content)
    told = problem(post(api, RUNS, {"mode": "reconcile"}))
    assert (told["status"], told["title"]) == (409, "Run active")
    assert (told["run_id"], told["state"]) == (first["run_id"], "queued")
    assert told["detail"] == (
        f"Another Salesforce run is under way: {first['run_id']}, queued."
    )


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        ({"mode": "incremental"}, 409, "Full run needed"),
        ({"mode": "record"}, 400, "Invalid input"),
        ({"mode": "record", "ids": ["nonsense"]}, 400, "Invalid input"),
        ({"mode": "everything"}, 400, "Invalid input"),
        ({"mode": "full", "ids": ["0035g00000XyZabAAF"]}, 400, "Invalid input"),
        ({"mode": "full", "reason": "x" * 501}, 400, "Invalid input"),
        ({"mode": "full", "since": "2026-11-01T00:00:00Z"}, 400, "Invalid input"),
        *(
            ({"mode": "full", "since": each}, 400, "Invalid input")
            for each in ("", "now", "2026-11-01", "2026-11-01T00:00:00", 5, None)
        ),
        *(
            ({"mode": "full", "since": each}, 400, "Invalid input")
            for each in ("2026-02-30T00:00:00Z", "0001-01-01T00:00:00+23:00")
        ),
        ({}, 400, "Invalid input"),
        ([], 400, "Invalid input"),
    ],
)
def test_what_makes_no_sense_is_refused(body: Any, status: int, title: str) -> None:
    told = problem(post(client(), RUNS, body))
    assert (told["status"], told["title"]) == (status, title)
    assert SalesforceRun.objects.count() == 0


def test_a_run_reaches_back_as_far_as_it_is_told(connected: Salesforce) -> None:
    connected.org.seed(3)
    run()
    body = {"mode": "incremental", "since": "2026-01-01t01:00:00.5+01:00"}
    api = client()
    assert post(api, RUNS, body).status_code == 202
    (*_, event) = log(SalesforceRunStarted)
    since = datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert event.payload.since == since
    done = finish(SalesforceRun.objects.order_by("-started_at")[0])
    assert (done.state, runs.state_of(done.run_id).low) == (State.SUCCEEDED, since)
    later = {"mode": "incremental", "since": "2999-01-01T00:00:00Z"}
    (error,) = problem(post(api, RUNS, later))["errors"]
    assert error["pointer"] == "#/since"
    assert error["detail"].startswith("Say an instant before 2")


def test_nothing_starts_while_it_is_switched_off(settings: LazySettings) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"ENABLED": False}
    told = problem(post(client(), RUNS, {"mode": "full"}))
    assert (told["status"], told["title"]) == (409, "Salesforce not enabled")


def test_a_run_is_steered(connected: Salesforce) -> None:
    api = client()
    one = f"{RUNS}/{json.loads(post(api, RUNS, {'mode': 'full'}).content)['run_id']}"
    states = []
    for action in ("pause", "resume", "cancel"):
        answer = post(api, f"{one}/{action}", {"reason": "because"})
        assert answer.status_code == 202
        states.append(json.loads(answer.content)["state"])
    assert states == ["paused_user", "queued", "cancelled"]
    told = problem(post(api, f"{one}/resume", {}))
    assert (told["status"], told["state"]) == (409, "cancelled")
    assert connected.asked == []


def test_a_mass_change_is_approved(connected: Salesforce) -> None:
    ids = connected.org.seed(60)
    run()
    for identity in ids:
        connected.org.delete(identity)
    held = run(Mode.INCREMENTAL)
    api = client()
    one = f"{RUNS}/{held.run_id}"
    assert api.get(one).json()["people"] == 60
    assert problem(post(api, f"{one}/resume", {}))["status"] == 409
    assert problem(post(api, f"{one}/approve", {}))["status"] == 400
    told = problem(post(api, RUNS, {"mode": "full"}))
    assert (told["run_id"], told["state"]) == (
        str(held.run_id),
        State.AWAITING_APPROVAL,
    )
    assert (
        "an API token with the scope salesforce:approve, may approve it"
        in (told["detail"])
    )
    assert post(api, f"{one}/approve", {"reason": "they moved"}).status_code == 202
    assert finish(held).deactivated == 60
    assert {status for *_, status in ours().values()} == {"deactivated"}


def test_who_may_run_may_not_approve(connected: Salesforce) -> None:
    api_token("runner", scopes=["salesforce:run"])
    api = client("other")
    assert problem(api.get(f"{RUNS}/{uuid4()}"))["title"] == "Run not found"
    assert problem(post(api, f"{RUNS}/{ADA}/approve", {"reason": "x"}))["status"] == 404
    assert connected.asked == []


@pytest.mark.usefixtures("connected")
def test_the_schema_tells_all_of_it() -> None:
    schema = client().get("/api/schema", headers={"Accept": "application/json"}).json()
    paths = {
        path: each for path, each in schema["paths"].items() if "salesforce" in path
    }
    found = {
        operation["operationId"]: sorted(operation["responses"])
        for each in paths.values()
        for operation in each.values()
    }
    always = ["401", "403", "406", "429"]
    steering = sorted(["202", "400", "404", "409", "413", "415", "422", "503", *always])
    assert found == {
        "list_salesforce_runs": sorted(["200", "503", *always]),
        "get_salesforce_run": sorted(["200", "404", "503", *always]),
        "start_salesforce_run": [each for each in steering if each != "404"],
        **{
            f"{name}_salesforce_run": steering
            for name in ("approve", "cancel", "pause", "resume")
        },
    }
    assert State.QUEUED in str(schema["components"]["schemas"])
