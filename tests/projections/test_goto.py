from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from eventstore import store
from tests.backoffice import EVENTS, USERS, staff, superuser, text, user_url
from tests.factories import ADA, appended, known_user
from users.aggregate import USER

pytestmark = pytest.mark.usefixtures("committed_db")

URL = "/admin/goto"
SEE_PEOPLE = "eventstore.view_personal_data"
SEE_EVENTS = "eventstore.view_storedevent"
SEE_USERS = "projections.view_directoryentry"
NOBODY = UUID("00000000-0000-4000-8000-00000000dead")
TALK = UUID("00000000-0000-4000-8000-0000000000c0")
COMMAND = UUID("00000000-0000-4000-8000-00000000c0de")


def led(client: Client, typed: str) -> str:
    response = client.post(URL, {"q": typed})
    assert response.status_code == 303
    return response.headers["Location"]


def ada() -> Any:
    known_user(ADA, email="ada@example.com")
    appended("order-1", correlation_id=TALK, causation_id=COMMAND)
    (event,) = store.read_stream(USER.stream(ADA))
    return event


def test_each_kind_of_input_leads_to_its_page() -> None:
    event, client = ada(), superuser()
    yesterday = timezone.now().date() - timedelta(days=1)
    meant = {
        "#1": f"{EVENTS}1/",
        " 2 ": f"{EVENTS}2/",
        "#0,001": f"{EVENTS}1/",
        str(event.event_id): f"{EVENTS}1/",
        str(TALK): f"/admin/c/{TALK}",
        str(TALK).replace("-", "").upper(): f"/admin/c/{TALK}",
        str(COMMAND): f"/admin/cmd/{COMMAND}",
        str(ADA): user_url(ADA),
        "Ada@Example.com": user_url(ADA),
        USER.stream(ADA): f"/admin/s/{USER.stream(ADA)}",
        "order-1": "/admin/s/order-1",
        "2026-11-06T15:00:00+01:00": f"{EVENTS}?around=2026-11-06T14%3A00%3A00Z",
        "yesterday 15:00": f"{EVENTS}?around={yesterday}T15%3A00%3A00Z",
        "Ada B": f"{USERS}?q=Ada+B",
    }
    assert {typed: led(client, typed) for typed in meant} == meant


@pytest.mark.parametrize(
    "typed", ["#99", "nobody@example.com", "@", "user-9", str(NOBODY)]
)
def test_what_nothing_goes_by_is_kept_in_the_field(typed: str) -> None:
    response = superuser().post(URL, {"q": typed})
    assert response.status_code == 404
    assert text(response, "goto-nothing") == f"Nothing here goes by “{typed}”."
    assert f'value="{typed}"'.encode() in response.content


def test_a_time_that_is_not_understood_is_no_name() -> None:
    ada()
    for typed, says in (("6/11/2026", "Which is the day"), ("32 Nov", "Enter a time")):
        response = superuser().post(URL, {"q": typed})
        assert response.status_code == 404
        assert (text(response, "goto-refused") or "").startswith(says)
    assert led(staff(SEE_USERS, SEE_PEOPLE), "32 Nov") == f"{USERS}?q=32+Nov"


def test_an_id_that_means_several_things_is_asked_about() -> None:
    known_user(ADA)
    appended("order-1", correlation_id=ADA)
    response = superuser().post(URL, {"q": str(ADA)})
    assert response.status_code == 200
    assert text(response, "places") == f"Conversation {ADA} User {ADA}"


def test_says_what_can_be_typed() -> None:
    for response in (superuser().get(URL), superuser().post(URL, {"q": " \x00"})):
        assert response.status_code == 200
        assert "a position such as #625,002" in (text(response, "goto") or "")


def test_who_may_see_users_only_comes_to_users_only() -> None:
    event, client = ada(), staff(SEE_USERS, SEE_PEOPLE)
    for typed in (str(ADA), "ada@example.com", USER.stream(ADA)):
        assert led(client, typed) == user_url(ADA)
    for typed in ("#1", str(event.event_id), str(TALK), "order-1"):
        assert client.post(URL, {"q": typed}).status_code == 404
    assert "position" not in (text(client.get(URL), "goto") or "")


def test_who_may_see_events_only_comes_to_streams() -> None:
    ada()
    client = staff(SEE_EVENTS, SEE_PEOPLE)
    for typed in (str(ADA), "ada@example.com"):
        assert led(client, typed) == f"/admin/s/{USER.stream(ADA)}"
    assert client.post(URL, {"q": "Ada B"}).status_code == 404


def test_others_have_no_box_and_no_page() -> None:
    client = staff()
    assert client.post(URL, {"q": "1"}).status_code == 403
    assert text(client.get("/admin/"), "find") is None
    assert Client().post(URL, {"q": "1"}).status_code == 302


def test_needs_five_queries_beside_those_for_who_asks(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    known_user(ADA)
    client = superuser()
    with django_assert_max_num_queries(7):
        client.post(URL, {"q": str(ADA)})
