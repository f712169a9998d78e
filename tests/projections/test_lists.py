"""Lists of users: any order, any instant, nothing told that may not be seen."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from eventstore import store, subscriptions
from eventstore.models import DeadLetter
from projections import pages
from projections.api import reflecting
from projections.models import DirectoryEntry, UserPeriod
from tests.factories import (
    ADA,
    NOON,
    api_token,
    appended,
    dead_letter,
    known_user,
    metadata,
    renamed,
    user_created,
)
from tests.rest import problem
from tests.users.test_api import api
from users import services
from users.aggregate import USER
from users.commands import ChangeName, ChangeStatus, EraseUser
from users.scopes import Scope
from users.values import ErasureGround, Status

__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("committed_db")
USERS = "/api/v1/users"
HOUR = timedelta(hours=1)


def catch_up() -> None:
    for name in ("directory", "history"):
        subscriptions.catch_up(subscriptions.find(name))


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [user["name"] for user in response.json()["results"]]


def rename(user_id: UUID, name: str) -> datetime:
    services.execute(ChangeName(user_id=user_id, name=name), metadata())
    return store.read_stream(USER.stream(user_id))[-1].recorded_at


def masked_client() -> Client:
    token = api_token("masked", scopes=[Scope.USERS_READ])
    return Client(headers={"Authorization": f"Bearer {token}"})


def people() -> list[UUID]:
    """Known in this order; the first is renamed last."""
    users = [known_user(name=name) for name in ("Cy Young", "Ann Lee", "Bo Diddley")]
    rename(users[0], "Cy Twombly")
    catch_up()
    return users


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("created", ["Cy Twombly", "Ann Lee", "Bo Diddley"]),
        ("-created", ["Bo Diddley", "Ann Lee", "Cy Twombly"]),
        ("updated", ["Ann Lee", "Bo Diddley", "Cy Twombly"]),
        ("-updated", ["Cy Twombly", "Bo Diddley", "Ann Lee"]),
        ("name", ["Ann Lee", "Bo Diddley", "Cy Twombly"]),
        ("-name", ["Cy Twombly", "Bo Diddley", "Ann Lee"]),
    ],
)
@pytest.mark.parametrize("then", [False, True])
def test_every_order_pages_through_everybody_once(
    api: Client, ordering: str, expected: list[str], *, then: bool
) -> None:
    last = store.read_stream(USER.stream(people()[0]))[-1].recorded_at
    query: dict[str, Any] = {"ordering": ordering, "limit": 1}
    response = api.get(USERS, query | ({"at": last.isoformat()} if then else {}))
    seen = names(response)
    while link := response.json()["next"]:
        assert response["Link"] == f'<{link}>; rel="next"'
        response = api.get(link)
        seen += names(response)
    assert seen == expected


def test_the_most_alike_come_first(api: Client) -> None:
    for name in ("Joanna Smithson", "Anna Smith", "Annabel Smith"):
        known_user(name=name, email=f"{uuid4()}@x.example")
    catch_up()
    query: dict[str, Any] = {"q": "anna smith", "ordering": "relevance", "limit": 1}
    response = api.get(USERS, query)
    seen = names(response)
    while link := response.json()["next"]:
        response = api.get(link)
        seen += names(response)
    assert seen[0] == "Anna Smith"
    assert sorted(seen) == ["Anna Smith", "Annabel Smith", "Joanna Smithson"]


def test_relevance_needs_words(api: Client) -> None:
    found = problem(api.get(USERS, {"ordering": "relevance"}))
    assert found["errors"][0]["parameter"] == "ordering"


def test_a_list_as_it_was_recorded_at_an_instant(api: Client) -> None:
    known_user(ADA, name="Ada Byron")
    known = store.read_stream(USER.stream(ADA))[-1].recorded_at
    renamed_at = rename(ADA, "Ada King")
    catch_up()

    def at(instant: datetime, **query: Any) -> list[str]:
        return names(api.get(USERS, {"at": instant.isoformat()} | query))

    tick = timedelta(microseconds=1)
    assert at(known - tick) == []
    assert at(known) == at(renamed_at - tick) == ["Ada Byron"]
    assert at(renamed_at) == ["Ada King"]
    assert at(known, q="byron") == ["Ada Byron"]
    assert at(renamed_at, q="byron") == []


def test_a_list_as_it_was_true_counts_what_was_learnt_later(api: Client) -> None:
    stream = USER.stream(ADA)
    story = [(0, user_created()), (3, renamed()), (2, renamed(new="Ada Noel"))]
    for version, (hours, event) in enumerate(story):
        when = NOON + hours * HOUR
        appended(stream, event, expected_version=version, occurred_at=when)
    catch_up()

    def as_of(hours: float, **query: Any) -> list[str]:
        when = (NOON + hours * HOUR).isoformat()
        return names(api.get(USERS, {"as_of": when} | query))

    assert [as_of(hours) for hours in (-1, 0, 2, 3)] == [
        [],
        ["Ada Byron"],
        ["Ada Noel"],
        ["Ada King"],
    ]
    assert (as_of(2, q="noel"), as_of(3, q="noel")) == (["Ada Noel"], [])
    assert names(api.get(USERS)) == ["Ada Noel"]


def test_filters_are_those_of_the_instant(api: Client) -> None:
    known_user(ADA)
    before = store.read_stream(USER.stream(ADA))[-1].recorded_at.isoformat()
    command = ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason="")
    services.execute(command, metadata())
    catch_up()
    assert len(names(api.get(USERS, {"at": before, "status": "active"}))) == 1
    assert names(api.get(USERS, {"at": before, "status": "suspended"})) == []
    assert len(names(api.get(USERS, {"status": "suspended"}))) == 1


def test_who_is_erased_is_in_no_list_of_the_past(api: Client) -> None:
    known_user(ADA)
    before = store.read_stream(USER.stream(ADA))[-1].recorded_at.isoformat()
    catch_up()
    command = EraseUser(user_id=ADA, ground=ErasureGround.REQUEST)
    services.execute(command, metadata())
    for _ in range(2):
        assert names(api.get(USERS, {"at": before})) == []
        assert not UserPeriod.objects.exists()
        catch_up()


def test_who_changed_since_a_position(api: Client) -> None:
    first, _second, third = people()
    created = store.read_stream(USER.stream(third))[0].position
    found = api.get(USERS, {"changed_since": created}).json()["results"]
    assert [user["id"] for user in found] == [str(first)]
    for wrong in ("-1", "1.5", "x", str(2**63), "\x00"):
        assert api.get(USERS, {"changed_since": wrong}).status_code == 400


def test_only_the_fields_asked_for(api: Client) -> None:
    people()
    (newest, *_) = api.get(USERS, {"fields": "name, version"}).json()["results"]
    assert newest == {"name": "Bo Diddley", "version": 1}
    (masked, *_) = masked_client().get(USERS, {"fields": "name"}).json()["results"]
    assert masked == {"name": "(masked)", "masked": True}
    wrong = problem(api.get(USERS, {"fields": "name,search_text"}))
    assert wrong["errors"][0]["parameter"] == "fields"


@pytest.mark.parametrize(
    "query",
    [
        {"q": "ann"},
        {"email": "a@b.example"},
        {"ordering": "name"},
        {"ordering": "-name", "at": NOON.isoformat()},
        {"q": "ann", "ordering": "relevance", "as_of": NOON.isoformat()},
    ],
)
def test_nobody_searches_or_sorts_by_what_they_may_not_see(
    query: dict[str, str],
) -> None:
    found = problem(masked_client().get(USERS, query))
    assert (found["status"], found["scope"]) == (403, "personal:read")


@pytest.mark.parametrize(
    "query",
    [
        {"at": "2026-11-06T15:00:00Z", "as_of": "2026-11-06T15:00:00Z"},
        {"at": "2999-01-01T00:00:00Z"},
        {"as_of": "3 pm"},
        {"ordering": "email"},
        {"fields": ""},
    ],
)
def test_what_makes_no_sense_is_refused(api: Client, query: dict[str, str]) -> None:
    assert problem(api.get(USERS, query))["status"] == 400


def test_a_cursor_is_of_one_order_and_tells_nothing(api: Client) -> None:
    people()
    query: dict[str, Any] = {"ordering": "name", "limit": 1}
    page = api.get(USERS, query).json()
    (cursor,) = parse_qs(urlsplit(page["next"]).query)["cursor"]
    assert names(api.get(USERS, query | {"cursor": cursor})) == ["Bo Diddley"]
    for ordering in set(pages.ORDERINGS) - {"name"}:
        other = {"ordering": ordering, "q": "o", "cursor": cursor}
        assert problem(api.get(USERS, other))["title"] == "Invalid cursor"
    assert "Ann" not in cursor


def test_a_list_says_which_position_it_reflects(api: Client) -> None:
    people()
    mark = store.watermark()
    rename(known_user(name="Late"), "Later")
    response = api.get(USERS)
    assert (response["Annals-Position"], "Late" in names(response)) == (
        str(mark),
        False,
    )
    assert api.get(f"{USERS}?at={NOON.isoformat().replace('+', '%2B')}")[
        "Annals-Position"
    ] == str(mark)
    refused = api.get(USERS, {"limit": 0})
    assert "Annals-Position" not in refused


@pytest.mark.parametrize("then", [False, True])
def test_a_list_does_not_reflect_what_is_set_aside(api: Client, *, then: bool) -> None:
    people()
    mark = store.watermark()
    name = "history" if then else "directory"
    query = {"at": timezone.now().isoformat()} if then else {}
    for position in (3, 2):
        dead_letter(subscription=name, stream=f"user-{position}", position=position)
    dead_letter(subscription="snapshots", position=1)
    patient = {"Prefer": "wait=9"}
    began = time.monotonic()
    assert api.get(USERS, query, headers=patient)["Annals-Position"] == "1"
    assert time.monotonic() - began < 5  # nobody waits for the letter
    DeadLetter.objects.filter(position=2).update(closed_at=NOON)
    assert api.get(USERS, query, headers=patient)["Annals-Position"] == "2"
    DeadLetter.objects.update(closed_at=NOON)
    assert api.get(USERS, query)["Annals-Position"] == str(mark)


def test_a_client_may_prefer_to_wait(api: Client) -> None:
    people()
    current = api.get(USERS, headers={"Prefer": "respond-async, wait=3"})
    assert current["Preference-Applied"] == "wait=3"
    known_user(name="Late")
    behind = api.get(USERS, headers={"Prefer": "wait=0"})
    assert (behind["Preference-Applied"], behind.status_code) == ("wait=0", 200)
    assert int(behind["Annals-Position"]) < store.watermark()
    other = api.get(USERS, headers={"Prefer": "handling=lenient"})
    assert "Preference-Applied" not in other


def test_waits_until_the_list_is_where_the_log_was(api: Client) -> None:
    people()
    known_user(name="Late")
    mark = store.watermark()

    def apply_later() -> None:
        catch_up()
        connection.close()

    thread = threading.Thread(target=apply_later)
    thread.start()
    response = api.get(USERS, headers={"Prefer": "wait=99"})
    thread.join()
    assert ("Late" in names(response), response["Preference-Applied"]) == (
        True,
        "wait=10",
    )
    assert response["Annals-Position"] == str(mark)


def test_waits_for_nothing_where_too_many_wait(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_user(name="Late")
    place = threading.BoundedSemaphore(1)
    monkeypatch.setattr(reflecting, "places", place)
    with place:
        response = api.get(USERS, headers={"Prefer": "wait=9"})
    assert (names(response), "Preference-Applied" in response) == ([], False)


@pytest.mark.parametrize("then", [False, True])
def test_a_list_takes_four_queries(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries, *, then: bool
) -> None:
    last = store.read_stream(USER.stream(people()[0]))[-1].recorded_at
    query = {"at": last.isoformat()} if then else {}
    api.get(USERS, query)  # notes the token's use, once a minute
    with django_assert_num_queries(4):  # token, quota, position, page
        assert len(names(api.get(USERS, query))) == 3


def test_pages_of_equals_are_cut_between_them() -> None:
    people()
    DirectoryEntry.objects.update(name="Same")
    first = pages.page(DirectoryEntry.objects.all(), ordering="name", limit=2)
    second = pages.page(
        DirectoryEntry.objects.all(), ordering="name", cursor=first.cursor, limit=2
    )
    ids = [each.user_id for each in [*first.entries, *second.entries]]
    assert (ids, second.cursor) == (sorted(ids), None)
    assert len(ids) == 3
