"""People are found by an address that they had, and by nobody who may not look."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from eventstore import subscriptions
from projections import holdings
from projections.models import UserPeriod
from tests.backoffice import EVENTS, USERS, regions, staff, superuser, text, user_url
from tests.factories import ADA, known_user, metadata
from users import services
from users.aggregate import USER
from users.commands import ChangeEmail, ChangeName, EraseUser
from users.values import ErasureGround

pytestmark = pytest.mark.usefixtures("story")
GRACE = UUID("00000000-0000-4000-8000-0000000000aa")
OLD, NEW = "ada.king@example.com", "ada@example.org"
URL = "/admin/goto"
SEE_PEOPLE = "eventstore.view_personal_data"
SEE_EVENTS = "eventstore.view_storedevent"
SEE_USERS = "projections.view_directoryentry"


def catch_up() -> None:
    for name in ("directory", "history"):
        subscriptions.catch_up(subscriptions.find(name))


def changed(user_id: UUID, email: str) -> None:
    services.execute(ChangeEmail(user_id=user_id, email=email), metadata())


@pytest.fixture
def story(committed_db: str) -> None:
    """Ada had the old address under two names, and has another one now."""
    del committed_db
    known_user(ADA, name="Ada King", email=OLD)
    services.execute(ChangeName(user_id=ADA, name="Ada Lovelace"), metadata())
    changed(ADA, NEW)
    catch_up()


def grace_takes_it() -> None:
    known_user(GRACE, name="Grace Hopper", email=OLD)
    catch_up()


def asked(client: Client, typed: str) -> Any:
    return client.post(URL, {"q": typed})


def test_go_to_tells_who_had_an_address_and_when() -> None:
    client = superuser()
    for typed in (OLD, f" {OLD.upper()} "):
        page = asked(client, typed)
        assert page.status_code == 200
        told = text(page, "places") or ""
        assert told.startswith("User, earlier Ada Lovelace had this address from ")
        assert told.count("UTC") == 2
        assert user_url(ADA) in page.content.decode()
    assert asked(client, NEW)["Location"] == user_url(ADA)
    assert asked(client, "king@example.com").status_code == 404  # a part of one


def test_who_has_it_now_comes_first_and_who_has_it_again_once() -> None:
    grace_takes_it()
    told = text(asked(superuser(), OLD), "places") or ""
    assert told.startswith(f"User {GRACE} User, earlier Ada Lovelace had")
    changed(GRACE, "grace@example.com")
    changed(ADA, OLD)
    catch_up()
    told = text(asked(superuser(), OLD), "places") or ""
    assert told.startswith(f"User {ADA} User, earlier Grace Hopper had")
    assert told.count("Ada") == 0


def test_a_holding_goes_over_other_changes_and_ends_with_the_address() -> None:
    changed(ADA, OLD)
    changed(ADA, NEW)
    catch_up()
    periods = UserPeriod.objects.filter(user_id=ADA).order_by("version")
    begun = [each.recorded.lower for each in periods]
    assert [(each.name, each.since, each.until) for each in holdings.of(OLD)] == [
        ("Ada Lovelace", begun[3], begun[4]),
        ("Ada Lovelace", begun[0], begun[2]),
    ]
    assert list(map(len, map(holdings.over, (OLD, NEW)))) == [2, 0]


def test_the_list_says_who_had_the_address_that_nobody_has() -> None:
    client = superuser()
    for query in ({"q": OLD}, {"email": OLD}):
        page = client.get(USERS, query)
        (told,) = regions(page, "had")
        assert told.startswith("Ada Lovelace had this address from ")
    for query in ({"q": "ada.king"}, {"q": "nobody@example.com"}, {"q": NEW}):
        assert regions(client.get(USERS, query), "had") == []


def test_the_event_browser_takes_whose_it_was() -> None:
    client = superuser()
    form = client.get(EVENTS, {"stream": OLD}).context["form"]
    assert form.cleaned_data["stream"] == [USER.stream(ADA)]
    grace_takes_it()
    form = client.get(EVENTS, {"stream": OLD}).context["form"]
    assert form.cleaned_data["stream"] == [USER.stream(GRACE)]
    changed(GRACE, "grace@example.com")
    catch_up()
    (told,) = client.get(EVENTS, {"stream": OLD}).context["form"].errors["stream"]
    assert told == (
        f"Several people had this address: Grace Hopper ({GRACE}),"
        f" Ada Lovelace ({ADA}). Take one by id."
    )


def test_nobody_learns_of_it_who_may_not_look_by_address() -> None:
    stream = asked(staff(SEE_EVENTS, SEE_PEOPLE), OLD).content.decode()
    assert f"/admin/s/{USER.stream(ADA)}" in stream
    client = staff(SEE_EVENTS, SEE_USERS)
    pages = [asked(client, OLD)]
    pages += [client.get(USERS, {"q": OLD}), client.get(EVENTS, {"stream": OLD})]
    for page in pages:
        content = page.content.decode()
        assert ("Lovelace" in content, "had this address" in content) == (False, False)


def test_whoever_was_erased_is_not_found_from_that_moment_on() -> None:
    erase = EraseUser(user_id=ADA, ground=ErasureGround.REQUEST)
    services.execute(erase, metadata())
    for _when in ("at once", "read"):
        assert asked(superuser(), OLD).status_code == 404
        assert holdings.of(OLD) == holdings.of(NEW) == []
        catch_up()


def test_odd_addresses_find_nobody() -> None:
    client = superuser()
    for odd in ("@", "%@_", "a\0@b", f"{'x' * 300}@example.com", "\u202e@e.com"):
        assert holdings.of(odd) == []
        assert client.get(USERS, {"q": odd}).status_code == 200


def test_needs_one_query_more(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    grace_takes_it()
    client = superuser()
    with django_assert_max_num_queries(7):
        asked(client, OLD)
    with django_assert_max_num_queries(7):
        client.get(USERS, {"q": "old@example.com"})
