from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from eventstore.models import StoredEvent
from tests.backoffice import regions, staff, superuser, text
from tests.factories import api_token
from users import factors, tokens
from users.admin import shown_once
from users.models import ApiToken
from users.scopes import Scope

pytestmark = pytest.mark.django_db
TOKENS = "/admin/users/apitoken/"
ADD = f"{TOKENS}add/"
FORM = {
    "name": "crm",
    "scopes": ["users:read", "users:write"],
    "expires": "2999-01-31",
    "reason": "OPS-412",
}
SEE, ISSUE, REVOKE = (
    f"users.{codename}"
    for codename in ("view_apitoken", "add_apitoken", "revoke_apitoken")
)


def revoke_url(name: str) -> str:
    return f"{TOKENS}{ApiToken.objects.get(name=name).token_id}/revoke/"


def actors() -> list[tuple[str, str]]:
    return list(StoredEvent.objects.values_list("type", "actor"))


def test_an_issued_token_is_shown_once_and_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = superuser()
    answer = client.post(ADD, FORM)
    assert answer.status_code == 303
    kept_sealed = [session.get_decoded() for session in Session.objects.all()]
    assert client.head(answer["Location"]).status_code == 200
    response = client.get(answer["Location"])
    shown = text(response, "token") or ""
    assert not [each for each in kept_sealed if shown in str(each)]
    kept = tokens.verify(shown)
    assert kept is not None
    assert (kept.name, kept.scopes) == ("crm", ["users:read", "users:write"])
    assert kept.expires_at == datetime(2999, 2, 1, tzinfo=UTC)
    assert actors() == [("ApiTokenIssued", "staff:root")]
    assert "no-store" in response["Cache-Control"]
    assert shown not in client.get(TOKENS).content.decode()
    assert shown not in caplog.text
    stored = [session.get_decoded() for session in Session.objects.all()]
    assert not [each for each in stored if shown in str(each)]


def test_loaded_again_the_page_says_what_to_do_without_the_token() -> None:
    client = superuser()
    place = client.post(ADD, FORM)["Location"]
    assert text(superuser().get(place), "token") is None  # another session
    assert text(client.get(place), "token")
    again = client.get(place)
    assert text(again, "token") is None
    assert (text(again, "shown") or "").endswith("revoke it and issue another.")
    assert revoke_url("crm") in again.content.decode()
    assert ApiToken.objects.count() == 1


def test_a_token_that_nobody_fetched_is_forgotten_in_five_minutes() -> None:
    client = superuser()
    late = int(time.time()) - shown_once.SECONDS - 1
    sealed = factors._cipher().encrypt_at_time(b"annals_late", late).decode()  # noqa: SLF001
    place = client.post(ADD, FORM)["Location"]
    session = client.session
    stream = session[shown_once.SESSION_KEY][0]
    session[shown_once.SESSION_KEY] = [stream, sealed]
    session.save()
    assert text(client.get(place), "token") is None
    assert shown_once.SESSION_KEY not in client.session


def test_sent_twice_the_form_issues_one_token() -> None:
    client = superuser()
    client.post(ADD, FORM)
    again = client.post(ADD, FORM)
    assert again.status_code == 422
    assert text(again, "error-summary") == (
        "Not recorded Client : A token of this name is in use: revoke it,"
        " or choose another name."
    )
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"scopes": []},
        {"scopes": ["users:everything"]},
        {"expires": "soon"},
        {"expires": "2020-01-01"},
        {"reason": ""},
    ],
)
def test_a_form_that_makes_no_sense_issues_nothing(changes: dict[str, Any]) -> None:
    response = superuser().post(ADD, FORM | changes)
    assert response.status_code == 422
    assert text(response, "error-summary")
    assert (ApiToken.objects.count(), actors()) == (0, [])


@pytest.mark.parametrize("expires", ["", "9999-12-31"])
def test_a_token_may_live_for_ever_or_nearly(expires: str) -> None:
    response = superuser().post(ADD, FORM | {"expires": expires}, follow=True)
    assert tokens.verify(text(response, "token") or "") is not None


def test_nobody_hands_out_what_they_may_not_do() -> None:
    person = staff(ISSUE, "projections.view_directoryentry")
    page = person.get(ADD).content.decode()
    offered = [scope for scope in Scope if f'value="{scope}"' in page]
    assert offered == ["users:read"]
    assert person.post(ADD, FORM).status_code == 422
    allowed = person.post(ADD, FORM | {"scopes": ["users:read"]})
    assert allowed.status_code == 303
    seeing = staff(ISSUE, "eventstore.view_personal_data").get(ADD).content.decode()
    assert 'value="personal:read"' in seeing
    nothing = staff(ISSUE).get(ADD).content.decode()
    assert "You may do nothing yourself" in nothing


def test_a_revoked_token_works_no_more_and_says_who_ended_it() -> None:
    token = api_token("crm")
    client = superuser()
    page = client.get(revoke_url("crm"))
    assert (text(page, "revoke-card") or "").startswith("Client crm Standing Live")
    assert client.post(revoke_url("crm"), {"reason": ""}).status_code == 422
    assert client.post(revoke_url("crm"), {"reason": "\u202e"}).status_code == 422
    response = client.post(revoke_url("crm"), {"reason": "left"})
    assert (response.status_code, response["Location"]) == (303, TOKENS)
    assert tokens.verify(token) is None
    assert actors() == [("ApiTokenRevoked", "staff:root")]
    assert "revoked already" in client.get(revoke_url("crm")).content.decode()


def test_the_list_tells_standing_and_use_but_no_token() -> None:
    assert text(superuser().get(TOKENS), "empty")
    token = api_token("crm", scopes=["users:read"])
    response = superuser().get(TOKENS)
    (row,) = regions(response, "token")
    assert row.startswith("crm Live users:read")
    assert row.endswith("never never Revoke")
    assert token not in response.content.decode()


def test_a_token_that_is_not_there_is_not_found() -> None:
    url = f"{TOKENS}00000000-0000-4000-8000-000000000000/revoke/"
    assert superuser().get(url).status_code == 404


@pytest.mark.parametrize(
    ("url", "permission"), [(TOKENS, SEE), (ADD, ISSUE), ("revoke", REVOKE)]
)
def test_each_page_needs_its_permission(url: str, permission: str) -> None:
    api_token("crm")
    place = revoke_url("crm") if url == "revoke" else url
    others = {SEE, ISSUE, REVOKE} - {permission}
    assert Client().get(place).status_code == 302
    assert staff(*others).get(place).status_code == 403
    assert staff(*others).post(place, FORM).status_code == 403
    assert staff(permission).get(place).status_code == 200
