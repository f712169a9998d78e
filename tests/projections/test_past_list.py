"""The list of users as it was: recorded by an instant, or true at it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from eventstore import store, subscriptions
from eventstore.templatetags.backoffice import instant
from projections import scopes
from projections.exports import KINDS
from projections.scopes import ScopeError
from tests.backoffice import USERS, attribute, regions, staff, superuser, text, user_url
from tests.factories import ADA, known_user, metadata
from users import services
from users.aggregate import USER
from users.commands import ChangeName, EraseUser
from users.values import ErasureGround

pytestmark = pytest.mark.usefixtures("story")
GRACE = UUID("00000000-0000-4000-8000-0000000000aa")


def catch_up() -> None:
    for name in ("directory", "history"):
        subscriptions.catch_up(subscriptions.find(name))


@pytest.fixture
def story(committed_db: str) -> None:
    """Ada, then Grace, then Ada had another name."""
    del committed_db
    known_user(ADA, name="Ada Byron", email="ada@example.com")
    known_user(GRACE, name="Grace Hopper", email="grace@example.com")
    services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())
    catch_up()


def recorded(user_id: UUID, version: int = 1) -> str:
    return instant(store.read_stream(USER.stream(user_id))[version - 1].recorded_at)


def names(client: Client, **query: str) -> list[str]:
    response: Any = client.get(USERS, query)
    assert response.status_code == 200
    return [each.name for each in response.context["found"].entries]


@pytest.mark.parametrize("which", ["at", "as_of"])
def test_the_list_and_its_filters_are_of_that_instant(which: str) -> None:
    client = superuser()
    both, first = {which: recorded(GRACE)}, {which: recorded(ADA)}
    assert names(client) == ["Grace Hopper", "Ada King"]
    assert names(client, **both) == ["Grace Hopper", "Ada Byron"]
    assert names(client, **first) == ["Ada Byron"]
    assert names(client, **both, q="byron") == ["Ada Byron"]
    assert names(client, **both, q="king") == []
    assert names(client, **both, email="GRACE@example.com") == ["Grace Hopper"]
    assert names(client, **both, status="active", source="rest", changed_since="1") == [
        "Grace Hopper"
    ]
    assert names(client, **both, created_until=recorded(GRACE)) == ["Ada Byron"]
    assert names(client, **both, updated_since=recorded(GRACE)) == ["Grace Hopper"]


def test_it_says_so_offers_no_act_and_leads_to_each_at_that_instant() -> None:
    client, then = superuser(), recorded(GRACE)
    response = client.get(USERS, {"at": then, "status": "active"})
    banner = text(response, "then") or ""
    assert banner.startswith("You are looking at ")
    assert attribute(response, "now", "href") == "?status=active"
    assert regions(response, "actions") == []
    assert (
        f'{user_url(ADA)}?at={then.replace(":", "%3A")}">' in response.content.decode()
    )
    true = client.get(USERS, {"as_of": then})
    assert "You are looking at what was true at" in (text(true, "then") or "")
    answer = client.get(USERS, {"at": then, "q": str(ADA)})
    assert answer["Location"].startswith(f"{user_url(ADA)}?at=2")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"at": "soon"}, "Enter a time such as"),
        ({"at": "2999-01-01"}, "This moment is still to come."),
        ({"at": "2026-01-01", "as_of": "2026-01-01"}, "Ask for one of the two."),
    ],
)
def test_what_is_no_past_is_refused_beside_its_field(
    query: dict[str, str], error: str
) -> None:
    response = superuser().get(USERS, query, follow=True)
    assert error in (text(response, "filters") or "")


def test_before_the_first_there_was_nobody() -> None:
    response = superuser().get(USERS, {"at": "2000-01-01"}, follow=True)
    assert "There were no users yet." in (text(response, "empty") or "")


def test_who_is_erased_stays_so_and_who_may_not_see_persons_sees_none() -> None:
    then = recorded(GRACE)
    services.execute(
        EraseUser(user_id=GRACE, ground=ErasureGround.REQUEST),
        metadata(),
    )
    catch_up()
    assert names(superuser(), at=then) == ["Ada Byron"]
    viewer = staff("projections.view_directoryentry")
    response = viewer.get(USERS, {"at": then, "q": "byron"})
    assert b"Byron" not in response.content.replace(b'value="byron"', b"")
    assert text(response, "refusal") is not None


def test_its_export_is_of_that_instant() -> None:
    client = superuser()
    page = client.get(
        attribute(client.get(USERS, {"at": recorded(GRACE)}), "export", "href")
    )
    assert "at=" in (text(page, "asked") or "")
    asked = {"at": recorded(GRACE), "q": "ada"}
    (row,) = KINDS["users"].read(asked, "", 0, 9, True).rows  # noqa: FBT003 - see Kind
    assert (row["name"], row["version"]) == ("Ada Byron", 1)
    refused = client.get(
        "/admin/exports/new/", {"kind": "users", "at": "soon"}, follow=True
    )
    assert b"Enter a time such as" in refused.content


def test_a_list_as_it_was_names_nobody_to_reprocess() -> None:
    with pytest.raises(ScopeError, match="A list as it was"):
        scopes.filtered("status=active&at=2026-01-01T00:00:00Z")
