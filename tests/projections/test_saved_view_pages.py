"""Saving a view, step by step, as a browser without scripts does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from eventstore import store
from eventstore.models import StoredEvent
from eventstore.saved_views import keeping
from eventstore.saved_views.models import SavedView
from eventstore.sentences import sentence
from tests.backoffice import (
    EVENTS,
    attribute,
    in_role,
    proved,
    regions,
    staff,
    superuser,
    text,
)
from tests.factories import ADA, appended, known_user

VIEWS = "/admin/eventstore/savedview/"
NEW = f"{VIEWS}add/"
STARTERS = "Salesforce backfills E-mail changes Back-office changes"
EMAIL = "ada@example.com"
OPTIONS = "Save this view… All views"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def log() -> None:
    known_user(ADA, name="Ada Byron", email=EMAIL)
    appended("order-1", actor="staff:grace@firm.example")


def maker(client: Client) -> User:
    return User.objects.get(pk=client.session["_auth_user_id"])


def saved(client: Client, query: str, **form: Any) -> SavedView:
    answer = client.post(f"{NEW}?{query}", {"name": "Mine", **form})
    assert answer.status_code == 303, answer.content.decode()
    return SavedView.objects.get(name=form.get("name", "Mine"))


def test_from_the_filters_to_a_link_above_the_table() -> None:
    client = in_role("Viewer")
    page = client.get(EVENTS, {"type": ["UserCreated"], "before": "9", "limit": "25"})
    assert text(page, "views") == f"{STARTERS} {OPTIONS}"
    url = attribute(page, "save-view", "href")
    form = client.get(url)
    assert text(form, "asked") == "type=UserCreated"
    answer = client.post(url, {"name": "New people", "role": ""})
    assert answer["Location"] == f"{EVENTS}?type=UserCreated"
    page = client.get(answer["Location"])
    assert "The view “New people” is saved." in page.content.decode()
    assert text(page, "views") == f"{STARTERS} New people {OPTIONS}"
    assert [v.name for v in page.context["views"] if v.is_current] == ["New people"]
    assert "New people" not in (text(in_role("Viewer").get(EVENTS), "views") or "")
    assert text(client.get(VIEWS), "views-table") == (
        "Views, by name Name Filter Who sees it Saved by What to do"
        f" New people type=UserCreated only me {maker(client)} Delete"
        " Salesforce backfills source=salesforce everybody —"
        " E-mail changes type=UserEmailChanged everybody —"
        " Back-office changes source=admin everybody —"
    )


def test_what_a_view_keeps_is_its_filters_and_where_a_page_stands_is_not() -> None:
    client = superuser()
    asked = (
        "type=UserNameChanged&type=UserCreated&type=UserCreated&actor=client:tests"
        "&source=rest&since=2026-11-06T15:00%2B01:00&before=4&after=2&around=now"
        "&window=1h&limit=200&expand=1&correlation=&nonsense=1"
    )
    view = saved(client, asked)
    assert view.query == (
        "type=UserCreated&type=UserNameChanged&actor=client:tests&source=rest"
        "&since=2026-11-06T14:00:00Z"
    )
    page = client.get(f"{EVENTS}?{view.query}")
    assert [each.name for each in page.context["views"] if each.is_current] == ["Mine"]
    assert page.context["form"].errors == {}


@pytest.mark.parametrize("typed", [EMAIL, "ADA@Example.com", str(ADA)])
def test_a_person_is_kept_as_their_stream_and_never_by_an_address(typed: str) -> None:
    view = saved(superuser(), f"stream={typed}")
    assert view.query == f"stream=user-{ADA}"
    stored = StoredEvent.objects.get(stream=f"view-{view.pk}")
    assert "example" not in str(stored.data).lower()
    assert "Byron" not in str(stored.data)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("stream=nobody@example.com", "No user has this e-mail address"),
        ("stream=Ada Byron", "No event has the stream “Ada Byron”"),
        (f"stream=user-{ADA.int}", "No event has the stream"),
        (f"actor={EMAIL}", f"No event has the actor “{EMAIL}”"),
        ("source=Ada Byron", "No event has the source “Ada Byron”"),
        ("type=Nonsense", "There is no type of events"),
        ("type=!Nonsense", "There is no type of events"),
        ("since=tomorrowish", "Enter a time"),
        ("correlation=x", "Enter a valid UUID"),
        ("stream=%00", "Null characters are not allowed"),
        ("before=9&limit=25", "Filter the events first"),
        ("around=2026-11-06T15:00:00Z", "Filter the events first"),
        ("", "Filter the events first"),
    ],
)
def test_what_the_log_may_not_keep_is_refused(query: str, says: str) -> None:
    client = superuser()
    for ask in (client.get, client.post):
        answer = ask(f"{NEW}?{query}")
        assert answer.status_code == 303
        assert answer["Location"].startswith(f"{EVENTS}?")
        assert says in client.get(answer["Location"]).content.decode()
    assert not SavedView.objects.exists()


def test_who_may_not_see_people_saves_none_by_address() -> None:
    blind = staff("eventstore.view_storedevent")
    refused = blind.post(f"{NEW}?stream={EMAIL}", {"name": "x"})
    assert "by id only" in blind.get(refused["Location"]).content.decode()
    assert saved(blind, f"stream={ADA}").query == f"stream=user-{ADA}"


def test_an_actor_whom_the_log_knows_is_kept() -> None:
    view = saved(superuser(), "actor=staff:grace@firm.example")
    assert view.query == "actor=staff:grace@firm.example"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "This field is required"),
        ("\u200d", "Enter a name"),
        ("a\u202eb", "Remove control and invisible characters"),
        ("x" * 61, "at most 60 characters"),
        (f"about {EMAIL}", "Leave e-mail addresses out"),
        ("mine", "You have a view of this name already"),
    ],
)
def test_a_name_that_is_none_is_asked_for_again(name: str, says: str) -> None:
    client = superuser()
    saved(client, "source=rest")
    answer = client.post(f"{NEW}?source=rest", {"name": name})
    assert answer.status_code == 422
    assert says in (text(answer, "error-summary") or "")
    assert SavedView.objects.count() == 1


def test_a_hostile_name_is_text_and_the_longest_has_room() -> None:
    client = superuser()
    for name in ("<script>alert(1)</script>", "Ж" * 60, "عربي"):
        saved(client, "source=rest", name=name)
    for url in (EVENTS, VIEWS):
        page = client.get(url).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_role_one_has_can_be_shared_with_and_no_other() -> None:
    lead, other, viewer = in_role("Lead"), in_role("Lead"), in_role("Viewer")
    roles: Mapping[str, int] = dict(Group.objects.values_list("name", "pk"))
    for role in (str(roles["Viewer"]), "0", "x", "9" * 30):
        answer = lead.post(f"{NEW}?source=rest", {"name": "Mine", "role": role})
        assert answer.status_code == 422
    view = saved(lead, "source=rest", role=str(roles["Lead"]))
    for client, sees in ((lead, True), (other, True), (viewer, False)):
        shown = text(client.get(EVENTS), "views") or ""
        assert ("Mine" in shown) is sees
        assert ("Mine" in (text(client.get(VIEWS), "views-table") or "")) is sees
        assert len(regions(client.get(VIEWS), "delete")) == (client is lead)
    assert "shared with Lead" in other.get(EVENTS).content.decode()
    url = f"{VIEWS}{view.pk}/delete/"
    refused = other.post(url)
    assert refused.status_code == 403
    assert text(refused, "not-found") == (
        "Only whoever shared a view may delete it, or a superuser. Go to the dashboard"
    )
    maker(lead).groups.clear()
    maker(lead).groups.add(roles["Viewer"])
    assert lead.post(url).status_code == 303
    assert lead.post(url).status_code == 404
    assert not SavedView.objects.exists()


def test_a_superuser_sees_and_deletes_what_others_share() -> None:
    lead, root = in_role("Lead"), superuser()
    role = Group.objects.get(name="Lead").pk
    saved(lead, "source=rest", name="Ours", role=str(role))
    own = saved(lead, "source=admin", name="My own")
    page = root.get(VIEWS)
    shown = text(page, "views-table") or ""
    assert ("Ours" in shown, "My own" in shown) == (True, False)
    assert "Ours" not in (text(root.get(EVENTS), "views") or "")
    assert root.post(f"{VIEWS}{own.pk}/delete/").status_code == 404
    (url,) = [line for line in page.content.decode().split('"') if "/delete/" in line]
    assert root.post(url)["Location"] == VIEWS
    assert [each.name for each in SavedView.objects.all()] == ["My own"]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_a_view_is_deleted_by_a_form_alone(method: str) -> None:
    client = superuser()
    view = saved(client, "source=rest")
    answer = getattr(client, method)(f"{VIEWS}{view.pk}/delete/")
    assert answer.status_code == 405
    assert SavedView.objects.count() == 1


def test_too_many_are_refused_where_the_name_stands() -> None:
    client = superuser()
    for number in range(keeping.MOST_VIEWS):
        saved(client, "source=rest", name=str(number))
    answer = client.post(f"{NEW}?source=rest", {"name": "one more"})
    assert answer.status_code == 422
    assert "You have 20 views already" in (text(answer, "error-summary") or "")


def test_the_views_cost_no_query_however_many(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = superuser()
    maker(client).groups.add(Group.objects.get(name="Lead"))
    for number in range(10):
        saved(client, "source=rest", name=str(number))
    proved(client)
    with django_assert_max_num_queries(5):  # as the audit, which has none
        page = client.get(EVENTS)
    assert len(page.context["views"]) == 13
    with django_assert_max_num_queries(5):
        client.get("/admin/audit/")


def test_the_audit_has_no_views_and_the_log_tells_of_them() -> None:
    client = superuser()
    view = saved(client, "source=rest")
    client.post(f"{VIEWS}{view.pk}/delete/")
    page = client.get("/admin/audit/")
    assert text(page, "views") is None
    told = [sentence(e) for e in store.read_stream(f"view-{view.pk}")]
    assert told == [
        "root saved view Mine (source=rest) via back office",
        "root deleted view Mine via back office",
    ]


def test_each_of_the_starters_is_understood() -> None:
    client = superuser()
    for view in client.get(EVENTS).context["views"]:
        page = client.get(f"{EVENTS}?{view.query}")
        assert page.context["form"].errors == {}
        current = [each.name for each in page.context["views"] if each.is_current]
        assert current == [view.name]
