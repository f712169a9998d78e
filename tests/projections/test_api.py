from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from eventstore import store, subscriptions
from projections import queries
from projections.api.waiting import places
from projections.models import DirectoryEntry
from tests.factories import (
    ADA,
    NOON,
    appended,
    known_user,
    metadata,
    renamed,
    user_created,
)
from tests.rest import problem
from tests.users.test_api import ADA_URL, api
from users import services
from users.aggregate import USER
from users.commands import ChangeName, ChangeStatus
from users.values import Status

__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("committed_db")


def catch_up() -> None:
    subscriptions.catch_up(subscriptions.find("directory"))


def rename(name: str) -> None:
    services.execute(ChangeName(user_id=ADA, name=name), metadata())


def names(response: Any) -> list[str]:
    return [user["name"] for user in response.json()["results"]]


def test_a_user_as_the_directory_has_it(api: Client) -> None:
    known_user(ADA, email="ada@example.com")
    rename("Ada King")
    catch_up()
    created, changed = store.read_stream(USER.stream(ADA))
    response = api.get(ADA_URL)
    assert (response.status_code, response["ETag"]) == (200, '"2"')
    body = response.json()
    times = [body.pop("created_at"), body.pop("updated_at")]
    assert [t.replace("Z", "+00:00") for t in times] == [
        created.recorded_at.isoformat(),
        changed.recorded_at.isoformat(),
    ]
    assert body == {
        "id": str(ADA),
        "name": "Ada King",
        "email": "ada@example.com",
        "status": "active",
        "source": "rest",
        "version": 2,
        "position": changed.position,
    }


def test_the_state_at_an_instant_comes_from_the_log(api: Client) -> None:
    known_user(ADA)
    rename("Ada King")
    created, changed = store.read_stream(USER.stream(ADA))

    def at(instant: Any) -> Any:
        return api.get(ADA_URL, {"at": instant.isoformat()})

    before = at(changed.recorded_at - timedelta(microseconds=1)).json()
    assert (before["name"], before["version"]) == ("Ada Byron", 1)
    assert before["position"] == created.position
    assert at(changed.recorded_at).json()["name"] == "Ada King"
    too_early = at(created.recorded_at - timedelta(microseconds=1))
    assert too_early.status_code == 404
    assert "did not exist yet" in problem(too_early)["detail"]


@pytest.mark.parametrize(
    "raw",
    [
        "yesterday",
        "2026-11-06",
        "2026-11-06T15:00:00",
        "2026-11-06T15:00:00+24:30",
        "2026-13-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "",
        "\x00",
    ],
)
def test_an_instant_without_an_offset_is_refused(api: Client, raw: str) -> None:
    response = api.get(ADA_URL, {"at": raw})
    assert response.status_code == 400
    assert problem(response)["errors"][0]["parameter"] == "at"


def test_what_was_true_at_an_instant_counts_what_was_learnt_later(api: Client) -> None:
    stream = USER.stream(ADA)
    for version, (hours, event) in enumerate(
        [(0, user_created()), (3, renamed()), (2, renamed(new="Ada Noel"))]
    ):
        when = NOON + timedelta(hours=hours)
        appended(stream, event, expected_version=version, occurred_at=when)
    events = store.read_stream(stream)

    def as_of(hours: float) -> Any:
        when = NOON + timedelta(hours=hours)
        return api.get(ADA_URL, {"as_of": when.isoformat()})

    names = [as_of(hours).json()["name"] for hours in (0, 2.5, 3)]
    assert names == ["Ada Byron", "Ada Noel", "Ada King"]
    body = as_of(2.5).json()
    assert body.pop("last") == {
        "position": events[2].position,
        "version": 3,
        "event_id": str(events[2].event_id),
        "type": "UserNameChanged",
        "actor": "client:tests",
        "recorded_at": events[2].recorded_at.isoformat().replace("+00:00", "Z"),
        "occurred_at": "2026-11-06T14:00:00Z",
    }
    assert body == {
        "id": str(ADA),
        "name": "Ada Noel",
        "email": "ada@example.com",
        "status": "active",
        "version": 2,
        "position": events[2].position,
        "as_of": "2026-11-06T14:30:00Z",
        "since": "2026-11-06T14:00:00Z",
    }
    assert "did not exist yet" in problem(as_of(-1))["detail"]


def test_the_state_at_an_instant_names_the_event_that_was_last(api: Client) -> None:
    known_user(ADA)
    rename("Ada King")
    _created, changed = store.read_stream(USER.stream(ADA))
    body = api.get(ADA_URL, {"at": changed.recorded_at.isoformat()}).json()
    assert body["last"]["event_id"] == str(changed.event_id)
    assert body["since"] == body["last"]["recorded_at"]


def test_recorded_and_true_are_two_questions(api: Client) -> None:
    known_user(ADA)
    both = {"at": "2026-11-06T15:00:00Z", "as_of": "2026-11-06T15:00:00Z"}
    response = api.get(ADA_URL, both)
    assert response.status_code == 400
    assert problem(response)["errors"] == [
        {"detail": "Use either at or as_of, not both.", "parameter": "as_of"}
    ]
    unclear = api.get(ADA_URL, {"as_of": "3 pm"})
    assert problem(unclear)["errors"][0]["parameter"] == "as_of"


def test_waits_for_a_version_that_comes(api: Client) -> None:
    known_user(ADA)
    asked = threading.Event()

    def apply_later() -> None:
        asked.wait()
        catch_up()
        connection.close()

    thread = threading.Thread(target=apply_later)
    thread.start()
    asked.set()
    response = api.get(ADA_URL, {"min_version": 1})
    thread.join()
    assert (response.status_code, response.json()["version"]) == (200, 1)


def test_says_the_read_model_is_behind_when_the_wait_was_too_long(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.api.views.WAIT_SECONDS", 0.05)
    known_user(ADA)
    for query in ({}, {"min_version": 1}):
        response = api.get(ADA_URL, query)
        assert (response.status_code, response["Retry-After"]) == (503, "1")
        assert problem(response)["title"] == "Projection behind"


def test_a_version_that_does_not_exist_is_said_at_once(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.api.views.WAIT_SECONDS", 3_600)
    nobody = api.get(f"/api/v1/users/{uuid4()}", {"min_version": 1})
    assert (nobody.status_code, problem(nobody)["title"]) == (404, "User not found")
    known_user(ADA)
    found = problem(api.get(ADA_URL, {"min_version": 7}))
    assert "at version 1; version 7 does not exist" in found["errors"][0]["detail"]


def test_no_more_wait_than_there_are_places(
    api: Client, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr("projections.api.views.WAIT_SECONDS", 3_600)
    known_user(ADA)
    for _ in range(settings.WAITING_REQUESTS):
        assert places.acquire(blocking=False)
    try:
        response = api.get(ADA_URL, {"min_version": 1})
    finally:
        for _ in range(settings.WAITING_REQUESTS):
            places.release()
    assert (response.status_code, response["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("url", [ADA_URL, f"{ADA_URL}/events"])
def test_nobody_is_not_found(api: Client, url: str) -> None:
    response = api.get(url)
    assert problem(response)["title"] == "User not found"


@pytest.mark.parametrize("past", ["at", "as_of"])
def test_nobody_is_not_found_in_the_past_either(api: Client, past: str) -> None:
    response = api.get(ADA_URL, {past: NOON.isoformat()})
    assert problem(response)["title"] == "User not found"


def test_the_events_of_a_user_in_pages(api: Client) -> None:
    known_user(ADA)
    for number in range(4):
        rename(f"Ada {number}")
    first = api.get(f"{ADA_URL}/events", {"limit": 3}).json()
    second = api.get(first["next"]).json()
    versions = [event["version"] for event in first["results"] + second["results"]]
    assert versions == [1, 2, 3, 4, 5]
    assert second["next"] is None
    event = first["results"][0]
    assert (event["type"], event["data"]["name"]) == ("UserCreated", "Ada Byron")
    assert event["actor"] == "client:tests"


def test_searches_by_words_in_name_and_address(api: Client) -> None:
    known_user(name="Ada Lovelace", email="countess@example.com")
    known_user(name="Ada Yonath", email="ribosome@example.org")
    known_user(name="Zoë %_\\ Washburne", email="zoe@serenity.example")
    catch_up()

    def found(words: str) -> list[str]:
        return sorted(names(api.get("/api/v1/users", {"q": words})))

    assert found("ADA") == ["Ada Lovelace", "Ada Yonath"]
    assert found("ada example.org") == ["Ada Yonath"]
    assert found("zoë") == ["Zoë %_\\ Washburne"]
    assert found("%_\\") == ["Zoë %_\\ Washburne"]
    assert found("nobody") == []


def test_filters_by_status_source_address_and_time(api: Client) -> None:
    known_user(ADA, name="Ada", email="ada@example.com")
    known_user(name="Grace")
    suspend = ChangeStatus(user_id=ADA, status=Status.SUSPENDED)
    services.execute(suspend, metadata())
    catch_up()
    now = timezone.now()

    def found(**query: Any) -> list[str]:
        return sorted(names(api.get("/api/v1/users", query)))

    assert found(status="suspended") == ["Ada"]
    assert found(source="rest") == ["Ada", "Grace"]
    assert found(source="salesforce") == []
    assert found(email="ADA@example.com") == ["Ada"]
    assert found(created_since=now.isoformat()) == []
    assert found(updated_until=now.isoformat()) == ["Ada", "Grace"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"status": "dead"}, "status"),
        ({"created_since": "soon"}, "created_since"),
        ({"created_since": "2026-11-06T15:00:00+24:30"}, "created_since"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "١"}, "limit"),
        ({"q": "x" * 201}, "q"),
        ({"stauts": "active"}, "stauts"),
        ({"q": "\x00"}, "q"),
        ({"status": ""}, "status"),
        ({"email": " "}, "email"),
        ({"email": ["a@example.com", "b@example.com"]}, "email"),
        ({"changed_since": ""}, "changed_since"),
        ({"updated_until": ""}, "updated_until"),
        ({"email": "\x00"}, "email"),
    ],
)
def test_a_bad_filter_is_pointed_at(
    api: Client, query: dict[str, str], name: str
) -> None:
    response = api.get("/api/v1/users", query)
    assert response.status_code == 400
    assert problem(response)["errors"][0]["parameter"] == name


def test_pages_hold_everyone_once_while_people_are_added(api: Client) -> None:
    for number in range(7):
        known_user(name=f"User {number}")
    catch_up()
    page = api.get("/api/v1/users", {"limit": 3})
    seen = names(page)
    assert page["Link"] == f'<{page.json()["next"]}>; rel="next"'
    known_user(name="Latecomer")
    catch_up()
    while page.json()["next"]:
        page = api.get(page.json()["next"])
        seen += names(page)
    assert seen == [f"User {number}" for number in reversed(range(7))]


def test_pages_hold_everyone_once_even_if_all_came_at_one_instant(api: Client) -> None:
    everyone = {str(known_user(name="Twin")) for _ in range(5)}
    catch_up()
    DirectoryEntry.objects.update(created_at=timezone.now())
    page = api.get("/api/v1/users", {"limit": 2})
    seen = [user["id"] for user in page.json()["results"]]
    while page.json()["next"]:
        page = api.get(page.json()["next"])
        seen += [user["id"] for user in page.json()["results"]]
    assert (len(seen), set(seen)) == (5, everyone)


@pytest.mark.parametrize("cursor", ["nonsense", "WzFd:1tXyZ:abc", "\x00"])
def test_a_cursor_that_is_not_ours_is_refused(api: Client, cursor: str) -> None:
    found = problem(api.get("/api/v1/users", {"cursor": cursor}))
    assert (found["status"], found["title"]) == (400, "Invalid cursor")


def test_a_list_takes_four_queries_whatever_its_length(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        known_user()
    catch_up()
    api.get("/api/v1/users")  # notes the token's use, once a minute
    with django_assert_num_queries(4):  # token, quota, position, page
        api.get("/api/v1/users")


def test_history_tells_what_each_event_changed() -> None:
    known_user(ADA, email="ada@example.com")
    rename("Ada King")
    _created, changed = queries.history(ADA)
    assert changed.changes == [
        queries.Change(field="name", old="Ada Byron", new="Ada King")
    ]
    origins = queries.set_by(queries.history(ADA))
    assert {field: event.version for field, event in origins.items()} == {
        "name": 2,
        "email": 1,
        "status": 1,
    }


def test_the_history_of_nobody_is_empty() -> None:
    assert queries.history(uuid4()) == []
