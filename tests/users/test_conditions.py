from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from eventstore import store
from tests import rest
from tests.factories import ADA, known_user
from tests.rest import post, problem
from users.aggregate import USER
from users.models import UnrecordedCommand
from users.scopes import Scope

NAME = f"/api/v1/users/{ADA}/name"
STATUS = f"/api/v1/users/{ADA}/status"


@pytest.fixture
def api(db: None) -> Client:  # noqa: ARG001  # comes first
    known_user(ADA)
    return rest.client()


def rename(api: Client, name: str, **headers: str) -> Any:
    return post(api, NAME, {"name": name}, headers=headers)


def if_match(value: str) -> dict[str, str]:
    return {"If-Match": value}


@pytest.mark.parametrize("tag", ['"1"', "*", '"7", "1"', '"0", "1", W/"3"'])
def test_the_version_that_is_there_lets_the_command_pass(api: Client, tag: str) -> None:
    response = rename(api, "Ada King", **if_match(tag))
    assert (response.status_code, response["ETag"]) == (202, '"2"')


def test_the_tag_of_an_answer_is_the_condition_of_the_next(api: Client) -> None:
    tag = rename(api, "Ada King")["ETag"]
    assert rename(api, "Ada Lovelace", **if_match(tag)).status_code == 202
    assert rename(api, "Countess", **if_match(tag)).status_code == 412


def test_who_is_late_learns_what_changed_meanwhile(api: Client) -> None:
    rename(api, "Ada King")
    post(api, STATUS, {"status": "suspended"})
    response = rename(api, "Mine", **if_match('"1"'))
    found = problem(response)
    renaming, suspension = store.read_stream(USER.stream(ADA), from_version=2)
    assert (response.status_code, response["ETag"]) == (412, '"3"')
    assert (found["type"], found["version"]) == (
        "urn:annals:problem:precondition-failed",
        3,
    )
    assert found["changes"][0] == {
        "version": 2,
        "position": renaming.position,
        "type": "UserNameChanged",
        "recorded_at": renaming.recorded_at.isoformat(),
        "sentence": "REST client crm-portal changed name from Ada Byron to Ada King"
        " via REST API",
    }
    assert found["changes"][1]["position"] == suspension.position
    assert len(found["changes"]) == 2
    assert response["Location"] == f"/api/v1/commands/{found['command_id']}"


def test_who_may_not_read_names_is_not_told_them_with_a_refusal(api: Client) -> None:
    rename(api, "Ada King")
    scopes = [Scope.USERS_WRITE, Scope.USERS_READ]
    reader = rest.client("reader", scopes=scopes)
    (change,) = problem(rename(reader, "Mine", **if_match('"1"')))["changes"]
    assert change["sentence"] == (
        "REST client crm-portal changed name from (masked) to (masked) via REST API"
    )
    writer = rest.client("writer", scopes=[Scope.USERS_WRITE, Scope.PERSONAL_READ])
    found = problem(rename(writer, "Mine", **if_match('"1"')))
    assert (found["version"], found["changes"]) == (2, [])


def test_of_many_changes_the_first_fifty_are_told(api: Client) -> None:
    for number in range(52):
        rename(api, f"Ada {number}")
    changes = problem(rename(api, "Mine", **if_match('"1"')))["changes"]
    assert [each["version"] for each in changes] == list(range(2, 52))


def test_any_version_is_never_the_wrong_one(api: Client) -> None:
    body = {"name": "Mine", "expected_version": 7}
    response = post(api, NAME, body, headers=if_match("*"))
    assert (response.status_code, problem(response)["version"]) == (409, 1)


def test_nothing_of_what_changed_is_kept_with_the_refusal(api: Client) -> None:
    rename(api, "Ada King")
    rename(api, "Mine", **if_match('"1"'))
    (kept,) = UnrecordedCommand.objects.values()
    assert kept["problem"] == {
        "type": "urn:annals:problem:precondition-failed",
        "title": "Precondition failed",
        "status": 412,
        "pointers": [],
    }


@pytest.mark.parametrize("tag", ['W/"1"', '"x"', '"01"', '"9", "8"', '"0"'])
def test_a_tag_that_no_user_has_never_matches(api: Client, tag: str) -> None:
    response = rename(api, "Mine", **if_match(tag))
    found = problem(response)
    assert (response.status_code, found["version"], found["changes"]) == (412, 1, [])
    assert "at version 1. If-Match names no version it was at" in found["detail"]


@pytest.mark.parametrize("tag", ["1", "", '"1'])
def test_what_is_no_tag_is_told_so(api: Client, tag: str) -> None:
    response = rename(api, "Mine", **if_match(tag))
    assert response.status_code == 400
    assert problem(response)["detail"] == (
        "Send If-Match as the ETag came, with its quotes."
    )


@pytest.mark.parametrize("tag", ['"1"', "*", '"1", "2"'])
def test_of_nobody_no_version_is_asked(api: Client, tag: str) -> None:
    url = "/api/v1/users/00000000-0000-4000-8000-000000000001/name"
    response = post(api, url, {"name": "Nobody"}, headers=if_match(tag))
    assert (response.status_code, problem(response)["title"]) == (404, "User not found")


def test_header_and_body_may_not_name_two_versions(api: Client) -> None:
    body = {"name": "Mine", "expected_version": 2}
    response = post(api, NAME, body, headers=if_match('"1"'))
    assert problem(response)["errors"][0]["pointer"] == "#/expected_version"
    body = {"name": "Mine", "expected_version": 1}
    assert post(api, NAME, body, headers=if_match('"1"')).status_code == 202


@pytest.mark.parametrize(
    "prefer", ["handling=strict", 'wait=2, handling="strict"; x=1', "Handling = Strict"]
)
def test_who_asks_for_strictness_must_name_a_version(api: Client, prefer: str) -> None:
    response = rename(api, "Ada King", Prefer=prefer)
    assert response.status_code == 428
    assert problem(response)["title"] == "Precondition required"
    response = rename(api, "Ada King", Prefer=prefer, **if_match('"1"'))
    assert (response.status_code, response["Preference-Applied"]) == (
        202,
        "handling=strict",
    )
    body = {"name": "Ada", "expected_version": 2}
    assert post(api, NAME, body, headers={"Prefer": prefer}).status_code == 202


@pytest.mark.parametrize("prefer", ["handling=lenient", "handling=stricter", "strict"])
def test_another_preference_demands_nothing(api: Client, prefer: str) -> None:
    response = rename(api, "Ada King", Prefer=prefer)
    assert response.status_code == 202
    assert "Preference-Applied" not in response


def test_an_installation_may_demand_versions_of_everybody(
    api: Client, settings: Settings
) -> None:
    settings.REQUIRE_IF_MATCH = True
    assert rename(api, "Ada King").status_code == 428
    assert rename(api, "Ada King", **if_match('"1"')).status_code == 202
    body = {"name": "Grace", "email": "grace@example.com"}
    assert post(api, "/api/v1/users", body).status_code == 202


def test_a_collection_has_no_version(api: Client) -> None:
    body = {"name": "Grace", "email": "grace@example.com"}
    response = post(api, "/api/v1/users", body, headers=if_match('"1"'))
    assert response.status_code == 400
    assert problem(response)["detail"].startswith("Leave If-Match out")


def test_a_repeat_of_a_conditional_command_is_a_repeat_and_no_conflict(
    api: Client,
) -> None:
    headers = {"Idempotency-Key": "k", "If-Match": '"1", "9"'}
    first = rename(api, "Ada King", **headers)
    again = rename(api, "Ada King", **headers)
    assert (first.status_code, again.content) == (202, first.content)


@pytest.mark.usefixtures("committed_db")
def test_of_many_who_saw_one_version_exactly_one_wins() -> None:
    known_user(ADA)
    api = rest.client()
    statuses: list[int] = []

    def work(number: int) -> None:
        response = rename(api, f"Ada {number}", **if_match('"1"'))
        statuses.append(response.status_code)
        connection.close()

    threads = [threading.Thread(target=work, args=[n]) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [202] + [412] * 15
    assert len(store.read_stream(USER.stream(ADA))) == 2
