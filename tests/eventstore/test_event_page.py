from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from eventstore import effects, store
from tests.backoffice import EVENTS, attribute, catch_up, superuser, text
from tests.eventstore.test_integrity import tamper
from tests.factories import ADA, appended, known_user, renamed, user_created

pytestmark = pytest.mark.usefixtures("committed_db")


def test_says_what_caused_it_and_what_it_led_to() -> None:
    talk, command = uuid4(), uuid4()
    appended("user-1", correlation_id=talk, causation_id=command)
    (cause,) = store.read_stream("user-1")
    told: dict[str, Any] = {"correlation_id": talk, "causation_id": cause.event_id}
    appended("user-2", **told, extra={"command": "ChangeName"})
    client = superuser()
    first, second = (client.get(f"{EVENTS}{position}/") for position in (1, 2))
    assert text(first, "cause") == f"command {command}"
    caused = text(first, "caused") or ""
    assert " #2 " in caused
    assert "through ChangeName · user-2 v1" in caused
    assert text(second, "caused") == "no further event"
    assert (text(second, "cause") or "").startswith("#1 REST client tests created")


def test_says_who_has_handled_it() -> None:
    known_user(ADA)
    client = superuser()
    before = text(client.get(f"{EVENTS}1/"), "handled-by") or ""
    assert before.endswith(
        "directory Not yet — history Not yet — streams Not yet — snapshots Not yet —"
        " welcome_email Not yet — analytics Not yet — webhooks Not yet —"
        " intake Not yet —"
    )
    catch_up()
    after = text(client.get(f"{EVENTS}1/"), "handled-by") or ""
    assert after.endswith(
        "directory Past it — history Past it — streams Past it — snapshots Past it —"
        " welcome_email Past it — analytics Past it — webhooks Past it —"
        " intake Past it —"
        " effect of welcome_email Pending 0 attempts —"
    )


@pytest.mark.usefixtures("superuser")
def test_an_event_that_was_altered_is_told_by_its_leaf() -> None:
    appended("user-1")
    client = superuser()
    assert text(client.get(f"{EVENTS}1/"), "tampered") is None
    tamper("UPDATE events SET actor = 'staff:eve'")
    said = text(client.get(f"{EVENTS}1/"), "tampered") or ""
    assert said.startswith("Altered This event is not what was appended: the leaf")


def test_as_json_it_is_what_is_stored() -> None:
    appended("user-1")
    (event,) = store.read_stream("user-1")
    found = superuser().get(f"{EVENTS}1/", {"raw": "1"}).json()
    assert found["event_id"] == str(event.event_id)
    assert found["data"]["sealed"]["subject"] == "user-1"
    assert "ada@example.com" not in str(found)


def test_needs_eight_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    appended("user-1", user_created(), renamed(), renamed())
    effects.note("welcome_email", store.read_stream("user-1"))
    client = superuser()
    with django_assert_max_num_queries(8):
        client.get(f"{EVENTS}2/")


def test_leads_to_what_was_recorded_around_it() -> None:
    appended("user-1")
    client = superuser()
    href = attribute(client.get(f"{EVENTS}1/"), "around", "href")
    assert client.get(href).status_code == 200
    assert href.endswith("#e1")
