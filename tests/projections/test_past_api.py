"""A user's history in words, why they are as they are, and any stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from eventstore import sentences, store
from eventstore.events import RecordedEvent
from tests.factories import (
    ADA,
    NOON,
    api_token,
    appended,
    known_user,
    metadata,
    renamed,
    user_created,
)
from tests.projections.test_lists import HOUR
from tests.rest import problem
from tests.users.test_api import ADA_URL, api
from users import services
from users.aggregate import USER
from users.commands import ChangeName, ChangeStatus, EraseUser
from users.scopes import Scope
from users.values import ErasureGround, Status

__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("committed_db")
HISTORY, EXPLAIN = f"{ADA_URL}/history", f"{ADA_URL}/explain"
STREAM = f"/api/v1/streams/user-{ADA}"


def story() -> None:
    """Created, renamed twice, suspended."""
    known_user(ADA, name="Ada Secret", email="ada@secret.example")
    for name in ("Ada King", "Ada Secret Noel"):
        services.execute(ChangeName(user_id=ADA, name=name), metadata())
    suspend = ChangeStatus(
        user_id=ADA, status=Status.SUSPENDED, reason="the secret reason"
    )
    services.execute(suspend, metadata())


def client(*scopes: Scope) -> Client:
    token = api_token("few", scopes=sorted(scopes))
    return Client(headers={"Authorization": f"Bearer {token}"})


def field(response: Any, name: str) -> Any:
    return next(each for each in response.json()["fields"] if each["field"] == name)


def test_a_history_tells_each_event_and_what_it_changed(api: Client) -> None:
    story()
    response = api.get(HISTORY, {"limit": 2})
    created, renamed_ = response.json()["results"]
    assert created["changes"] == [
        {"field": "name", "old": None, "new": "Ada Secret"},
        {"field": "email", "old": None, "new": "ada@secret.example"},
        {"field": "status", "old": None, "new": "active"},
    ]
    assert renamed_["sentence"] == (
        "REST client tests changed name from Ada Secret to Ada King via REST API"
    )
    assert (renamed_["version"], renamed_["command"]) == (2, "ChangeName")
    assert response["Annals-Position"] == str(store.watermark())
    more = api.get(response.json()["next"]).json()
    assert [each["changes"] for each in more["results"]] == [
        [{"field": "name", "old": "Ada King", "new": "Ada Secret Noel"}],
        [{"field": "status", "old": "active", "new": "suspended"}],
    ]
    assert more["next"] is None


def test_an_explanation_names_who_set_each_field_and_what_was_before(
    api: Client,
) -> None:
    story()
    response = api.get(EXPLAIN)
    name = field(response, "name")
    assert (name["value"], name["set_by"]["version"]) == ("Ada Secret Noel", 3)
    assert [(each["value"], each["set_by"]["version"]) for each in name["earlier"]] == [
        ("Ada King", 2),
        ("Ada Secret", 1),
    ]
    event = store.read_stream(USER.stream(ADA))[3]
    status = field(response, "status")
    assert status["set_by"]["event_id"] == str(event.event_id)
    assert status["set_by"]["command_id"] == event.metadata["command_id"]
    assert (field(response, "email")["earlier"], response.json()["version"]) == ([], 4)


def test_an_explanation_of_an_instant(api: Client) -> None:
    events = [(0, user_created()), (3, renamed()), (2, renamed(new="Ada Noel"))]
    for version, (hours, event) in enumerate(events):
        when = NOON + hours * HOUR
        appended(USER.stream(ADA), event, expected_version=version, occurred_at=when)

    def as_of(hours: int) -> Any:
        return api.get(EXPLAIN, {"as_of": (NOON + hours * HOUR).isoformat()})

    assert field(as_of(2), "name")["value"] == "Ada Noel"
    later = field(as_of(3), "name")
    assert (later["value"], later["earlier"][0]["value"]) == ("Ada King", "Ada Noel")
    assert "did not exist yet" in problem(as_of(-1))["detail"]


@pytest.mark.parametrize("url", [HISTORY, EXPLAIN])
def test_what_is_personal_is_masked(url: str) -> None:
    story()
    response = client(Scope.USERS_READ).get(url)
    assert response.status_code == 200
    assert "secret" not in json.dumps(response.json()).lower()
    assert "(masked)" in json.dumps(response.json())
    assert '"masked": true' in json.dumps(response.json())


@pytest.mark.parametrize("url", [HISTORY, EXPLAIN])
def test_who_is_erased_has_a_history_without_a_name(api: Client, url: str) -> None:
    story()
    services.execute(EraseUser(user_id=ADA, ground=ErasureGround.REQUEST), metadata())
    response = api.get(url)
    assert response.status_code == 200
    assert "secret" not in json.dumps(response.json()).lower()
    assert "[erased]" in json.dumps(response.json())


@pytest.mark.parametrize("url", [HISTORY, EXPLAIN])
def test_nobody_has_none(api: Client, url: str) -> None:
    assert problem(api.get(url))["title"] == "User not found"
    assert api.get(url, {"limit": "x", "at": "x"}).status_code == 400


def test_a_stream_shows_its_ends_and_its_events(api: Client) -> None:
    story()
    response = api.get(STREAM, {"limit": 3})
    body = response.json()
    assert (body["stream"], body["version"]) == (f"user-{ADA}", 4)
    assert (body["first"]["version"], body["head"]["version"]) == (1, 4)
    assert [each["version"] for each in body["results"]] == [4, 3, 2]
    assert response["Link"] == f'<{body["next"]}>; rel="next"'
    older = api.get(body["next"]).json()
    assert ([each["version"] for each in older["results"]], older["next"]) == (
        [1],
        None,
    )


@pytest.mark.parametrize("name", ["user-nobody", "%00", "a/b", "%ff"])
def test_a_stream_that_is_none(api: Client, name: str) -> None:
    assert problem(api.get(f"/api/v1/streams/{name}"))["status"] == 404


def test_a_stream_is_masked() -> None:
    story()
    response = client(Scope.EVENTS_READ).get(STREAM)
    assert "secret" not in json.dumps(response.json()).lower()


@pytest.mark.parametrize(("url", "queries"), [(HISTORY, 5), (EXPLAIN, 5)])
def test_the_past_takes_few_queries(
    api: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    url: str,
    queries: int,
) -> None:
    story()
    api.get(url)  # notes the token's use, once a minute
    with django_assert_num_queries(queries):  # token, quota, watermark, events, keys
        api.get(url)


def test_of_many_values_only_those_that_are_told_are_put_in_words(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_user(ADA, name="Ada 0")
    for number in range(1, 60):
        services.execute(ChangeName(user_id=ADA, name=f"Ada {number}"), metadata())
    worded: list[int] = []
    sentence = sentences.sentence

    def counted(event: RecordedEvent) -> str:
        worded.append(event.version)
        return sentence(event)

    monkeypatch.setattr(sentences, "sentence", counted)
    name = field(api.get(EXPLAIN), "name")
    assert (name["value"], name["is_cut"]) == ("Ada 59", True)
    told = [each["value"] for each in name["earlier"]]
    assert told == [f"Ada {number}" for number in range(58, 8, -1)]
    assert len(worded) == 51 + 2  # the name; e-mail and status were set once
