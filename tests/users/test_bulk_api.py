from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client

from eventstore import store
from eventstore.models import StoredEvent
from tests import rest
from tests.factories import ADA, known_user
from tests.rest import post, problem
from users.aggregate import USER
from users.models import UnrecordedCommand
from users.scopes import Scope

pytestmark = pytest.mark.django_db
URL = "/api/v1/users/commands"


@pytest.fixture
def api() -> Client:
    return rest.client()


def create(email: str = "ada@example.com", **extra: Any) -> dict[str, Any]:
    return {"command": "create_user", "name": "Ada Byron", "email": email, **extra}


def rename(name: str = "Ada King", **extra: Any) -> dict[str, Any]:
    return {"command": "change_name", "user_id": str(ADA), "name": name, **extra}


def send(api: Client, *commands: Any, **headers: str) -> Any:
    return post(api, URL, {"commands": commands}, headers=headers)


def test_each_command_gets_the_result_it_would_have_got_alone(api: Client) -> None:
    known_user(ADA)
    response = send(
        api,
        create("grace@example.com"),
        rename(),
        {"command": "change_status", "user_id": str(uuid4()), "status": "active"},
        create("GRACE@example.com"),
    )
    body = response.json()
    assert response.status_code == 202
    assert (body["recorded"], body["unchanged"], body["refused"]) == (2, 0, 2)
    assert [each["status"] for each in body["results"]] == [202, 202, 404, 409]
    (event,) = store.read_stream(USER.stream(ADA), from_version=2)
    assert body["results"][1] == {
        "status": 202,
        "command_id": str(event.causation_id),
        "user_id": str(ADA),
        "stream": USER.stream(ADA),
        "version": 2,
        "position": event.position,
        "changed": True,
    }
    assert body["results"][3]["problem"] == {
        "type": "urn:annals:problem:email-taken",
        "title": "Email taken",
        "status": 409,
        "detail": "Another user holds this e-mail address.",
    }
    assert (event.actor, event.source) == ("client:crm-portal", "rest")
    assert event.metadata["request_id"] == response["X-Request-ID"]


def test_nothing_recorded_answers_200(api: Client) -> None:
    known_user(ADA)
    response = send(api, rename("Ada Byron"))
    (result,) = response.json()["results"]
    assert response.status_code == 200
    assert (result["status"], result["changed"], result["version"]) == (200, False, 1)


def test_what_is_wrong_with_a_command_is_pointed_at_from_the_body(api: Client) -> None:
    known_user(ADA)
    response = send(
        api,
        create("grace@example.com"),
        rename("Mine", is_staff=True),
        rename("Ada Lovelace"),
        create("nobody"),
        [],
        {"command": ["create_user"]},
        {"command": "destroy_user", "user_id": "x"},
    )
    results = response.json()["results"]
    assert [each["status"] for each in results] == [202, 400, 424, 400, 400, 400, 400]
    errors = [each["problem"].get("errors") for each in results[1:]]
    pointers = [[error["pointer"] for error in each or ()] for each in errors]
    assert pointers == [
        ["#/commands/1/is_staff"],
        [],
        ["#/commands/3/email"],
        ["#/commands/4"],
        ["#/commands/5/command"],
        ["#/commands/6/command"],
    ]
    assert [each["user_id"] for each in results[1:3]] == [str(ADA)] * 2
    assert [each["command_id"] is None for each in results[1:]] == [
        True,
        False,
        False,
        True,
        True,
        True,
    ]
    assert store.read_stream(USER.stream(ADA), from_version=2) == []


def test_a_version_seen_counts_for_its_own_command(api: Client) -> None:
    known_user(ADA)
    response = send(api, rename(expected_version=4))
    (result,) = response.json()["results"]
    assert (response.status_code, result["status"]) == (200, 409)
    assert result["problem"]["title"] == "Version conflict"
    assert (result["problem"]["expected_version"], result["problem"]["version"]) == (
        4,
        1,
    )


def test_who_wants_strictness_must_name_versions(api: Client) -> None:
    known_user(ADA)
    response = send(
        api,
        rename(),
        create("grace@example.com"),
        Prefer="handling=strict",
    )
    results = response.json()["results"]
    assert [each["status"] for each in results] == [428, 202]
    assert response["Preference-Applied"] == "handling=strict"


def test_what_left_no_event_is_kept_without_its_values(api: Client) -> None:
    known_user(ADA, email="ada@example.com")
    send(api, create("ada@example.com"), create("nobody"), rename("Ada Byron"))
    kept = UnrecordedCommand.objects.order_by("command_id")
    problems = [each.problem and each.problem["pointers"] for each in kept]
    assert problems == [[], ["#/commands/1/email"], None]
    assert "example.com" not in str(list(kept.values()))


def test_a_person_is_erased_with_the_scope_for_it_alone(api: Client) -> None:
    known_user(ADA)
    erase = {"command": "erase_user", "user_id": str(ADA), "ground": "request"}
    writer = rest.client("writer", scopes=[Scope.USERS_WRITE])
    refused = send(writer, rename("Ada"), erase, create("grace@example.com")).json()
    assert [each["status"] for each in refused["results"]] == [424, 403, 202]
    assert refused["results"][1]["problem"]["title"] == "Missing scope"
    assert store.read_stream(USER.stream(ADA), from_version=2) == []
    done = send(api, rename("Augusta"), erase).json()
    assert [each["status"] for each in done["results"]] == [202, 202]
    events = store.read_stream(USER.stream(ADA))
    assert [event.type for event in events][1:] == ["UserNameChanged", "UserErased"]
    assert all(event.is_erased for event in events[:2])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/commands"),
        ({"commands": []}, "#/commands"),
        ({"commands": {}}, "#/commands"),
        ({"commands": [1] * 1_001}, "#/commands"),
        ({"commands": [], "atomic": True}, "#/atomic"),
        ([], "#"),
    ],
)
def test_a_body_in_another_form_is_refused_whole(
    api: Client, body: Any, pointer: str
) -> None:
    response = post(api, URL, body)
    assert response.status_code == 400
    assert problem(response)["errors"][0]["pointer"] == pointer


def test_a_header_that_has_no_meaning_here_is_not_passed_by(api: Client) -> None:
    response = send(api, create(), **{"If-Match": '"1"'})
    assert (response.status_code, problem(response)["title"]) == (400, "Parse error")
    assert StoredEvent.objects.count() == 0


def test_a_thousand_long_commands_are_read_and_a_longer_body_is_not(
    api: Client,
) -> None:
    commands = [
        create(f"{'x' * 60}@{number}.{'y' * 60}.example", name="\U0001f600" * 200)
        for number in range(1_000)
    ]
    response = post(api, URL, {"commands": commands})
    assert response.status_code == 413
    shorter = [each | {"name": "x" * 200} for each in commands]
    assert len(json.dumps(shorter)) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert send(api, *shorter).json()["recorded"] == 1_000
