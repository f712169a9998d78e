"""A command has a page: accepted, recorded, visible; or refused, or unknown."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.test import Client

from eventstore import store, subscriptions
from tests import rest
from tests.backoffice import (
    EVENTS,
    attribute,
    regions,
    staff,
    superuser,
    text,
    user_url,
)
from tests.factories import ADA, known_user, metadata
from tests.rest import post
from users import services
from users.aggregate import USER
from users.commands import ChangeName

pytestmark = pytest.mark.usefixtures("committed_db")
SEE_EVENTS = "eventstore.view_storedevent"


def url_of(command_id: UUID) -> str:
    return f"/admin/cmd/{command_id}"


def renamed() -> UUID:
    known_user(ADA)
    command_id = uuid4()
    command = ChangeName(user_id=ADA, name="Grace Hopper")
    services.execute(command, metadata(causation_id=command_id))
    return command_id


def test_it_is_recorded_and_loads_again_until_it_is_visible() -> None:
    url = url_of(renamed())
    client = superuser()
    page = client.get(url)
    assert (page["Refresh"], text(page, "cmd-status")) == ("2", "Recorded")
    (event,) = store.read_stream(USER.stream(ADA), from_version=2)
    said = text(page, "cmd-steps") or ""
    assert f"Recorded #{event.position}" in said
    assert "Not yet in the read model directory" in said
    assert f'href="{EVENTS}{event.position}/"' in page.content.decode()
    assert "Refresh" not in client.get(f"{url}?still")
    for each in subscriptions.all_subscriptions():
        subscriptions.catch_up(each)
    page = client.get(url)
    assert ("Refresh" in page, text(page, "cmd-status")) == (False, "Visible")
    assert "Visible in the read model directory" in (text(page, "cmd-steps") or "")
    assert attribute(page, "to-user", "href") == f"{user_url(ADA)}#v2"


def test_who_may_not_see_persons_reads_no_name() -> None:
    page = staff(SEE_EVENTS).get(url_of(renamed()))
    assert page.status_code == 200
    assert "Hopper" not in page.content.decode()
    assert regions(page, "to-user") == []


def test_the_event_and_its_conversation_lead_to_it() -> None:
    url = url_of(renamed())
    (event,) = store.read_stream(USER.stream(ADA), from_version=2)
    for leads in (f"{EVENTS}{event.position}/", f"/admin/c/{event.correlation_id}"):
        assert f'href="{url}"' in superuser().get(leads).content.decode()


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("users", {"name": "Ada", "email": "nobody@"}, "Refused", "#/email"),
        (f"users/{ADA}/name", {"name": "Ada Byron"}, "Nothing to do", "so already"),
    ],
)
def test_a_command_that_left_no_event_says_why(
    name: str, body: dict[str, str], status: str, said: str
) -> None:
    known_user(ADA)
    answer = post(rest.client(), f"/api/v1/{name}", body)
    page = superuser().get(url_of(UUID(answer["Location"].rpartition("/")[2])))
    assert text(page, "cmd-status") == status
    assert said in (text(page, "cmd-steps") or "")
    assert b"nobody@" not in page.content
    assert "Refresh" not in page


@pytest.mark.parametrize("command_id", [UUID(int=7), UUID(int=0)])
def test_an_unknown_command_is_said_to_be_so(command_id: UUID) -> None:
    page = superuser().get(url_of(command_id))
    assert page.status_code == 404
    assert f"no command has the id {command_id}" in (text(page, "not-found") or "")


def test_the_id_of_an_event_leads_to_the_event() -> None:
    renamed()
    event = store.read_stream(USER.stream(ADA))[0]
    answer = superuser().get(url_of(event.event_id))
    assert answer["Location"] == f"{EVENTS}{event.position}/"
    assert Client().get(url_of(event.event_id)).status_code == 302
