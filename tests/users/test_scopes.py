"""Who may: every endpoint, every scope, and what is masked."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from eventstore.masking import MASK
from projections.api.urls import urlpatterns
from tests.backoffice import projected
from tests.factories import ADA, api_token, known_user, metadata
from tests.rest import problem
from tests.users.test_api import ADA_URL
from users import services
from users.api.permissions import demanded
from users.commands import ChangeName, ChangeStatus
from users.models import ApiToken
from users.scopes import ALL, Scope
from users.values import Status

pytestmark = pytest.mark.usefixtures("committed_db")
AS_JSON = {"Accept": "application/vnd.oai.openapi+json"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
VIEWS: dict[str, Any] = {str(route.name): route.callback for route in urlpatterns}
ENDPOINTS = [
    (name, method, demanded(view.cls, method))
    for name, view in VIEWS.items()
    for method in METHODS
    if hasattr(view.cls, method.lower())
]


def client(*scopes: Scope) -> Client:
    name = f"client {ApiToken.objects.count()}"
    token = api_token(name, scopes=sorted(scopes))
    return Client(headers={"Authorization": f"Bearer {token}"})


def story() -> None:
    """A user with a secret in every field."""
    known_user(ADA, name="Ada Secret", email="ada@secret.example")
    services.execute(ChangeName(user_id=ADA, name="Ada Secret King"), metadata())
    suspend = ChangeStatus(
        user_id=ADA, status=Status.SUSPENDED, reason="the secret reason"
    )
    services.execute(suspend, metadata())
    projected(ADA)


@pytest.mark.parametrize(("name", "method", "scopes"), ENDPOINTS)
def test_every_endpoint_demands_one_of_its_scopes_and_no_other(
    name: str, method: str, scopes: tuple[Scope, ...]
) -> None:
    (pattern,) = [route.pattern for route in urlpatterns if route.name == name]
    url = "/api/v1/" + re.sub("<[a-z]+:[a-z_]+>", str(ADA), str(pattern))
    refused = client(*ALL.difference(scopes)).generic(method, url)
    scope = scopes[0]
    found = problem(refused)
    assert (refused.status_code, found["title"]) == (403, "Missing scope")
    assert (found["scope"], scope in found["detail"]) == (scope, True)
    assert refused["WWW-Authenticate"] == (
        f'Bearer error="insufficient_scope", scope="{scope}"'
    )
    for each in scopes:
        assert client(each).generic(method, url).status_code not in (401, 403)


def test_commands_write_and_the_log_is_read_apart_from_users() -> None:
    wanted = {name: scope for name, method, scope in ENDPOINTS if method == "GET"}
    assert (wanted["user-events"], wanted["events"]) == (
        (Scope.USERS_READ,),
        (Scope.EVENTS_READ,),
    )
    assert ("change-name", "POST", (Scope.USERS_WRITE,)) in ENDPOINTS


def test_a_head_needs_what_a_get_needs_and_no_method_is_made_up() -> None:
    assert client(Scope.USERS_WRITE).head(ADA_URL).status_code == 403
    assert client(Scope.USERS_WRITE).options(ADA_URL).status_code == 200
    assert client(Scope.USERS_WRITE).delete(ADA_URL).status_code == 405


def test_an_endpoint_that_names_no_scope_lets_nobody_in() -> None:
    assert demanded(object(), "GET") == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expires_at": timezone.now() - timedelta(hours=1)}, "expired at"),
        ({"revoked_at": timezone.now()}, "was revoked"),
    ],
)
def test_a_token_that_ended_says_why(changes: dict[str, Any], words: str) -> None:
    token = api_token(**changes)
    response = Client(headers={"Authorization": f"Bearer {token}"}).get(ADA_URL)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert words in problem(response)["detail"]


@pytest.mark.parametrize(
    "url",
    [
        ADA_URL,
        "/api/v1/users",
        f"{ADA_URL}?at=<now>",
        f"{ADA_URL}?as_of=<now>",
        f"{ADA_URL}/events",
        "/api/v1/events",
        "/api/v1/events/around?at=<now>",
    ],
)
def test_without_the_scope_nothing_personal_is_shown(url: str) -> None:
    story()
    now = timezone.now().isoformat().replace("+00:00", "Z")
    sees_not = client(Scope.USERS_READ, Scope.EVENTS_READ)
    sees = client(Scope.USERS_READ, Scope.EVENTS_READ, Scope.PERSONAL_READ)
    hidden = sees_not.get(url.replace("<now>", now))
    shown = sees.get(url.replace("<now>", now))
    assert (hidden.status_code, shown.status_code) == (200, 200)
    assert "ecret" in shown.content.decode()
    assert "ecret" not in hidden.content.decode()
    assert (b'"masked":true' in hidden.content, b'"masked"' in shown.content) == (
        True,
        False,
    )


def test_the_mask_is_the_same_for_every_value() -> None:
    story()
    body = client(Scope.USERS_READ).get(ADA_URL).json()
    assert (body["name"], body["email"], body["masked"]) == (MASK, MASK, True)
    assert body["status"] == "suspended"
    events = client(Scope.USERS_READ).get(f"{ADA_URL}/events").json()["results"]
    assert events[2]["data"] == {
        "old_status": "active",
        "new_status": "suspended",
        "reason": MASK,
    }


@pytest.mark.parametrize("query", [{"q": "secret"}, {"email": "ada@secret.example"}])
def test_a_search_is_no_way_around_the_mask(query: dict[str, str]) -> None:
    response = client(Scope.USERS_READ).get("/api/v1/users", query)
    found = problem(response)
    assert (response.status_code, found["scope"]) == (403, "personal:read")
    listed = client(Scope.USERS_READ, Scope.PERSONAL_READ).get("/api/v1/users", query)
    assert listed.status_code == 200


def test_the_schema_names_the_scope_of_each_operation() -> None:
    schema = json.loads(Client().get("/api/schema", headers=AS_JSON).content.decode())
    operations = [
        operation for path in schema["paths"].values() for operation in path.values()
    ]
    scopes = {each["operationId"]: each["security"] for each in operations}
    assert scopes["list_users"] == [{"token": ["users:read"]}]
    assert scopes["change_email"] == [{"token": ["users:write"]}]
    for each in operations:
        assert {"401", "403", "429"} <= set(each["responses"])
        assert "RateLimit" in each["responses"]["429"]["headers"]
        assert "Retry-After" in each["responses"]["429"]["headers"]
