from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from eventstore import store, subscriptions
from tests import rest
from tests.factories import ADA, known_user, metadata
from tests.rest import post, problem
from users import services
from users.aggregate import USER
from users.commands import ChangeName

pytestmark = pytest.mark.usefixtures("committed_db")
NAME = f"/api/v1/users/{ADA}/name"


def fate(api: Client, response: Any) -> Any:
    return api.get(response["Location"])


def test_a_command_is_recorded_and_then_visible() -> None:
    known_user(ADA)
    api = rest.client()
    response = post(api, NAME, {"name": "Ada King"})
    before = fate(api, response)
    for name in ("directory", "history", "streams"):
        subscriptions.catch_up(subscriptions.find(name))
    after = fate(api, response)
    (event,) = store.read_stream(USER.stream(ADA), from_version=2)
    body = before.json()
    recorded_at = body["decided_at"]
    assert body.pop("accepted_at") <= recorded_at
    assert body == {
        "command_id": response.json()["command_id"],
        "command": "ChangeName",
        "status": "recorded",
        "user_id": str(ADA),
        "stream": USER.stream(ADA),
        "version": 2,
        "position": event.position,
        "decided_at": event.recorded_at.isoformat().replace("+00:00", "Z"),
        "visible": dict.fromkeys(("directory", "history", "streams"), False),
        "problem": None,
    }
    assert (before["Retry-After"], "Retry-After" in after) == ("1", False)
    assert (after.json()["status"], after.json()["visible"]) == (
        "visible",
        dict.fromkeys(("directory", "history", "streams"), True),
    )


def test_a_command_that_changed_nothing_says_so() -> None:
    known_user(ADA)
    api = rest.client()
    found = fate(api, post(api, NAME, {"name": "Ada Byron"})).json()
    assert (found["status"], found["version"]) == ("unchanged", 1)
    assert (found["visible"], found["problem"]) == ({}, None)


def test_a_refused_command_says_why() -> None:
    api = rest.client()
    found = fate(api, post(api, NAME, {"name": "Nobody"})).json()
    assert (found["status"], found["command"]) == ("refused", "ChangeName")
    assert (found["version"], found["position"]) == (None, None)
    assert found["problem"] == {
        "type": "urn:annals:problem:user-not-found",
        "title": "User not found",
        "status": 404,
        "pointers": [],
    }


def test_a_refused_value_is_pointed_at_and_not_told() -> None:
    api = rest.client()
    body = {"name": "Ada", "email": "nobody@"}
    response = post(api, "/api/v1/users", body)
    found = fate(api, response)
    assert found.json()["problem"]["pointers"] == ["#/email"]
    assert b"nobody" not in found.content


def test_a_client_sees_its_own_commands_only() -> None:
    known_user(ADA)
    api, other = rest.client(), rest.client("another")
    for name in ("Ada King", "Ada King"):
        response = post(api, NAME, {"name": name})
        assert fate(api, response).status_code == 200
        assert fate(other, response).status_code == 404


def test_commands_of_others_and_of_nobody_are_not_found() -> None:
    known_user(ADA)
    services.execute(
        ChangeName(user_id=ADA, name="Ada King"), metadata(actor="staff:m.jones")
    )
    api = rest.client()
    (event,) = store.read_stream(USER.stream(ADA), from_version=2)
    for command_id in (event.causation_id, uuid4()):
        response = api.get(f"/api/v1/commands/{command_id}")
        assert (response.status_code, problem(response)["title"]) == (404, "Not found")
