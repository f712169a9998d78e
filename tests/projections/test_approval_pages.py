"""One asks, another approves: step by step, as a browser without scripts does."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from config import troubles
from eventstore import store
from eventstore.approvals.models import Approval
from eventstore.events import ERASED
from eventstore.models import Rebuild, StoredEvent
from tests.backoffice import (
    attribute,
    in_role,
    proved,
    regions,
    staff,
    superuser,
    text,
    user_url,
)
from tests.factories import ADA, known_user, metadata
from tests.rest import client as api_client
from tests.rest import post, problem
from users import services
from users.aggregate import USER
from users.commands import ChangeName, EraseUser
from users.values import ErasureGround

LIST = "/admin/approvals/"
ERASE = user_url(ADA, "commands/erase-user/")
REBUILD = "/admin/eventstore/subscription/directory/rebuild/"
EMAIL = "ada@example.com"
WHY = "ticket OPS-412 名前 <b>&"
FORM = {
    "ground": "retention",
    "confirmation": EMAIL,
    "expected_version": 1,
    "reason": WHY,
}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_are_needed(settings: Settings) -> None:
    settings.FOUR_EYES = True
    known_user(ADA, name="Ada Byron", email=EMAIL)


def person(client: Client) -> User:
    return User.objects.get(pk=client.session["_auth_user_id"])


def asked(client: Client) -> str:
    """Ask for Ada's erasure; the address of the page that tells of it."""
    answer = client.post(ERASE, FORM)
    assert answer.status_code == 303, answer.content.decode()
    return str(answer["Location"])


def said(client: Client, url: str) -> str:
    return " ".join(client.get(url).content.decode().split())


def history() -> list[str]:
    return [event.type for event in store.read_stream(USER.stream(ADA))]


def test_from_the_form_to_an_erasure_that_names_both() -> None:
    asker, other = in_role("Data officer"), in_role("Data officer")
    assert text(asker.get(ERASE), "submit") == "Ask a second person"
    url = asked(asker)
    assert history() == ["UserCreated"]
    page = asker.get(url)
    assert "A second person is asked. Nothing happened yet." in page.content.decode()
    assert (len(regions(page, "own-card")), regions(page, "approve-card")) == (1, [])
    page = other.get(url)
    assert (text(page, "standing") or "").startswith("Nothing happened yet.")
    assert f"Asked by {person(asker)} ," in (text(page, "asked") or "")
    assert text(page, "reason") == WHY
    effects = text(page, "effects") or ""
    for words in (
        "User Ada Byron ada@example.com",
        "Version 1",
        "Ground We may keep it no longer",
        "The key under which this person's data is sealed is destroyed.",
    ):
        assert words in effects
    answer = other.post(f"{url}approve/")
    assert answer["Location"] == url
    assert "Approved: this person is erased, for good." in said(other, url)
    erased = store.read_stream(USER.stream(ADA))[-1]
    assert (erased.type, erased.actor) == ("UserErased", f"staff:{person(other)}")
    assert erased.data["ground"] == "retention"
    shown = superuser().get(user_url(ADA)).content.decode()
    assert f"; asked for by {person(asker)}" in shown
    assert text(other.get(url), "reason") == ERASED
    rows = text(other.get(LIST), "approvals-table") or ""
    assert f"{person(asker)} Approved and done {person(other)}" in rows


def test_a_rebuild_is_asked_for_and_begins_when_another_approves() -> None:
    asker, other = in_role("Lead"), in_role("Lead")
    assert text(asker.get(REBUILD), "start") == "Ask a second person"
    form = {"reason": WHY, "typed": "directory"}
    url = asker.post(REBUILD, form)["Location"]
    assert asker.post(REBUILD, form)["Location"] == url
    assert "asked for this already" in said(asker, url)
    assert Rebuild.objects.count() == 0
    assert "folded into new tables" in (text(other.get(url), "effects") or "")
    other.post(f"{url}approve/")
    begun = Rebuild.objects.get()
    assert (begun.actor, begun.reason) == (f"staff:{person(other)}", WHY)


def test_nobody_approves_their_own_nor_what_they_may_not_do() -> None:
    asker, root, lead = in_role("Data officer"), superuser(), in_role("Lead")
    url = asked(root)
    for client in (root, lead):
        client.post(f"{url}approve/")
    assert lead.post(f"{url}approve/").status_code == 403
    assert lead.get(url).status_code == 403
    assert "Erase user" not in (text(lead.get(LIST), "approvals") or "")
    assert "whoever asked for it cannot decide on it" in said(root, url)
    late = proved(in_role("Data officer"), seconds_ago=301)
    answer = late.post(f"{url}approve/")
    assert answer["Location"].startswith("/admin/prove/?next=")
    assert proved(late).get(f"{url}approve/")["Location"] == url
    assert history() == ["UserCreated"]
    asker.post(f"{url}approve/")
    assert history() == ["UserCreated", "UserErased"]


def test_a_refusal_needs_a_reason_and_is_final() -> None:
    url = asked(in_role("Data officer"))
    other = in_role("Data officer")
    assert other.post(f"{url}refuse/", {"reason": " "}).status_code == 422
    other.post(f"{url}refuse/", {"reason": "legal hold"})
    page = other.get(url)
    assert text(page, "why-refused") == "legal hold"
    assert text(page, "approve-card") is None
    other.post(f"{url}approve/")
    assert f"this is refused already, by {person(other)}" in said(other, url)
    stored = StoredEvent.objects.get(type="ApprovalRefused").data
    assert "legal hold" not in str(stored)
    assert history() == ["UserCreated"]


def _rename() -> None:
    services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())


def _erase(settings: Settings) -> None:
    settings.FOUR_EYES = False
    ground = ErasureGround.REQUEST
    services.execute(EraseUser(user_id=ADA, ground=ground), metadata())


def test_it_is_judged_again_when_it_is_approved(settings: Settings) -> None:
    asker, other = in_role("Data officer"), in_role("Data officer")
    url = asked(asker)
    person(asker).groups.clear()
    other.post(f"{url}approve/")
    assert "may not do this any more" in said(other, url)
    User.objects.filter(pk=person(asker).pk).update(is_superuser=True)
    _rename()
    assert "version 1 was looked at" in (text(other.get(url), "moved") or "")
    other.post(f"{url}approve/")
    assert "this user changed since it was asked for, from version 1 to 2" in said(
        other, url
    )
    _erase(settings)
    other.post(f"{url}approve/")
    assert f"User {ADA} was erased, for good." in said(other, url)
    assert Approval.objects.get().state == "waiting"
    assert history() == ["UserCreated", "UserNameChanged", "UserErased"]
    asker.post(f"{url}withdraw/")
    assert Approval.objects.get().state == "withdrawn"


def test_what_is_over_or_unknown_says_so() -> None:
    url = asked(in_role("Data officer"))
    other = in_role("Data officer")
    Approval.objects.update(until="2026-01-01T00:00Z")
    page = other.get(url)
    assert (text(page, "standing") or "").startswith("The time is over")
    assert regions(page, "approve-card") == []
    other.post(f"{url}approve/")
    assert "the time for this is over" in said(other, url)
    for unknown in (f"{LIST}{uuid4()}/", f"{LIST}{uuid4()}/approve/"):
        answer = other.post(unknown) if "approve" in unknown else other.get(unknown)
        assert answer.status_code == 404
        assert "Nothing was asked for here." in answer.content.decode()
    assert other.post(f"{url}steal/").status_code == 404


def test_the_side_bar_counts_what_is_ones_to_give(settings: Settings) -> None:
    settings.FOUR_EYES = False
    asker, other, lead = (
        in_role("Data officer"),
        in_role("Data officer"),
        in_role("Lead"),
    )
    troubles.counted()
    assert "Approvals" not in (text(asker.get(LIST), "sidebar") or "")
    settings.FOUR_EYES = True
    url = asked(asker)
    settings.FOUR_EYES = False
    troubles.counted()
    bars = [text(each.get(LIST), "sidebar") or "" for each in (asker, other, lead)]
    assert ["Approvals 1 (1 waits for you)" in bar for bar in bars] == [
        False,
        True,
        False,
    ]
    assert ["Approvals" in bar for bar in bars] == [True] * 3
    other.post(f"{url}refuse/", {"reason": "no"})
    troubles.counted()
    assert "waits for you" not in (text(other.get(LIST), "sidebar") or "")


def test_who_may_not_see_people_reads_no_name() -> None:
    url = asked(in_role("Data officer"))
    blind = staff("users.erase_user")
    page = blind.get(url)
    assert text(page, "reason") == "(masked)"
    for word in ("Byron", "example.com", "名前"):
        assert word not in page.content.decode()
    assert attribute(page, "approve", "type") == "submit"


def test_over_rest_it_is_refused_and_says_where_to_ask() -> None:
    api = api_client()
    answer = post(api, f"/api/v1/users/{ADA}/erase", {"ground": "request"})
    detail = (
        "Nothing was recorded: a second person must approve an erasure. Ask for it in"
        " the back office, on the page of the user, under “Erase…”."
    )
    told = problem(answer)
    assert told.pop("command_id")
    assert told == {
        "type": "urn:annals:problem:second-person-needed",
        "title": "Second person needed",
        "status": 403,
        "detail": detail,
    }
    command: dict[str, Any] = {"command": "erase_user", "user_id": str(ADA)}
    body = {"commands": [command | {"ground": "request"}]}
    (result,) = post(api, "/api/v1/users/commands", body).json()["results"]
    assert (result["status"], result["problem"]["detail"]) == (403, detail)
    assert history() == ["UserCreated"]


def test_the_pages_need_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    url = asked(in_role("Data officer"))
    other = in_role("Data officer")
    for address, most in ((LIST, 6), (url, 12)):
        with django_assert_max_num_queries(most):
            assert other.get(address).status_code == 200
