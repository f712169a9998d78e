from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from eventstore import store
from eventstore.circumstances import acting
from eventstore.models import StoredEvent
from tests.factories import api_token
from users import tokens
from users.errors import InvalidValueError, TokenNameTakenError, TokenNotFoundError
from users.models import ApiToken
from users.scopes import ALL, Scope

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def somebody() -> Iterator[None]:
    with acting(actor="staff:ada", source="admin", correlation_id=uuid4()):
        yield


def issue(name: str = "crm", **changes: Any) -> str:
    defaults: dict[str, Any] = {"scopes": {Scope.USERS_READ}}
    return tokens.issue(name, **defaults | changes)


def told(token: ApiToken) -> list[tuple[str, str, Any]]:
    events = store.read_stream(tokens.stream(token.token_id))
    return [(event.type, event.actor, event.data) for event in events]


def test_a_token_is_known_by_its_digest_only() -> None:
    token = issue()
    (kept,) = ApiToken.objects.all()
    assert tokens.verify(token) == kept
    assert token.removeprefix("annals_").encode() not in bytes(kept.digest)


def test_a_token_has_a_form_that_scanners_recognise() -> None:
    token = issue()
    assert re.fullmatch(r"annals_[0-9A-Za-z]{49}", token)
    assert tokens.find(token) is not None


def test_a_mistyped_token_is_refused_without_asking_the_database(
    django_assert_num_queries: Any,
) -> None:
    token = issue()
    other = "a" if token[20] != "a" else "b"
    with django_assert_num_queries(0):
        assert tokens.find(f"{token[:20]}{other}{token[21:]}") is None


def test_a_token_of_the_first_form_keeps_working() -> None:
    assert tokens.verify(api_token("old")) is not None


def test_issuing_and_revoking_are_events_without_the_secret() -> None:
    expires_at = datetime(2999, 1, 1, tzinfo=UTC)
    token = issue(
        scopes={Scope.USERS_WRITE, Scope.USERS_READ},
        expires_at=expires_at,
        reason="OPS",
    )
    kept = ApiToken.objects.get()
    tokens.revoke(kept.token_id, reason="left")
    tokens.revoke(kept.token_id, reason="again")
    issued = {
        "name": "crm",
        "scopes": ["users:read", "users:write"],
        "expires_at": "2999-01-01T00:00:00Z",
        "reason": "OPS",
    }
    revoked = {"name": "crm", "reason": "left"}
    assert told(kept) == [
        ("ApiTokenIssued", "staff:ada", issued),
        ("ApiTokenRevoked", "staff:ada", revoked),
    ]
    secret = token.removeprefix("annals_")
    rows = [str(row) for row in StoredEvent.objects.values()]
    assert not [row for row in rows if secret in row]


def test_a_token_issued_in_place_of_the_old_one_revokes_it() -> None:
    old, new = issue(), issue(replaces=True)
    assert tokens.verify(old) is None
    kept = tokens.find(old)
    assert kept is not None
    assert told(kept)[1][2]["reason"] == "Replaced by a newer token."
    assert tokens.verify(new) is not None


def test_a_name_in_use_is_refused_and_nothing_is_recorded() -> None:
    old = issue()
    with pytest.raises(TokenNameTakenError):
        issue()
    assert tokens.verify(old) is not None
    assert StoredEvent.objects.count() == 1


def test_a_revoked_token_is_nobody_and_its_name_is_free() -> None:
    token = issue()
    tokens.revoke(ApiToken.objects.get().token_id)
    assert tokens.verify(token) is None
    assert tokens.verify(issue()) is not None


def test_an_expired_token_is_nobody() -> None:
    token = issue(expires_at=timezone.now() + HOUR)
    assert tokens.verify(token) is not None
    ApiToken.objects.update(expires_at=timezone.now())
    assert tokens.verify(token) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scopes": set()}, "scopes"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_issued(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        issue(**changes)
    assert caught.value.field == field
    assert (ApiToken.objects.count(), StoredEvent.objects.count()) == (0, 0)


def test_what_was_never_issued_cannot_be_revoked() -> None:
    with pytest.raises(TokenNotFoundError):
        tokens.revoke(uuid4())


@pytest.mark.parametrize(
    "token", ["", "annals_", "ü", "x" * 10_000, "annals_" + "é" * 43]
)
def test_an_odd_token_is_nobody(token: str) -> None:
    assert tokens.verify(token) is None


def test_a_use_is_noted_once_a_minute() -> None:
    kept = tokens.find(api_token())
    assert kept is not None
    tokens.note_use(kept)
    first = ApiToken.objects.get()
    tokens.note_use(first)
    assert ApiToken.objects.get().last_used_at == first.last_used_at
    past = timezone.now() - timedelta(seconds=61)
    ApiToken.objects.update(last_used_at=past)
    tokens.note_use(ApiToken.objects.get())
    assert ApiToken.objects.get().last_used_at != past


def test_the_command_prints_a_token_that_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scopes = ["--scope", "users:read", "--scope", "users:write"]
    call_command("issue_token", "crm", *scopes, "--reason", "OPS-412")
    kept = tokens.verify(capsys.readouterr().out.strip())
    assert kept is not None
    assert (kept.name, kept.scopes) == ("crm", ["users:read", "users:write"])
    ((_type, actor, data),) = told(kept)
    assert (actor, data["reason"]) == ("system:manage.py", "OPS-412")


@pytest.mark.parametrize(
    ("told", "expires_at"),
    [
        ("2999-01-31", datetime(2999, 2, 1, tzinfo=UTC)),
        ("2999-01-31T12:00:00+02:00", datetime(2999, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_the_command_takes_a_day_or_a_time(told: str, expires_at: datetime) -> None:
    call_command("issue_token", "crm", "--scope", "all", "--expires", told)
    kept = ApiToken.objects.get()
    assert (kept.expires_at, kept.scopes) == (expires_at, sorted(ALL))


@pytest.mark.parametrize(
    "arguments",
    [
        ["crm"],
        ["crm", "--scope", "users:everything"],
        ["crm", "--scope", "all", "--expires", "soon"],
        ["crm", "--scope", "all", "--expires", "2999-01-31T12:00:00"],
        ["crm", "--scope", "all", "--expires", "2020-01-31"],
    ],
)
def test_the_command_refuses_what_makes_no_sense(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("issue_token", *arguments)
    assert ApiToken.objects.count() == 0


@pytest.mark.parametrize("name", ["", "\x00", "a\nb", "x" * 201])
def test_a_client_needs_a_proper_name(name: str) -> None:
    with pytest.raises(CommandError):
        call_command("issue_token", name, "--scope", "all")
    assert ApiToken.objects.count() == 0


def test_a_clients_name_is_kept_in_normal_form() -> None:
    issue("Zoe\u0308")
    assert ApiToken.objects.get().name == "Zo\u00eb"


def test_commands_list_and_revoke(capsys: pytest.CaptureFixture[str]) -> None:
    issue("crm", expires_at=datetime(2999, 1, 1, tzinfo=UTC))
    call_command("list_tokens")
    assert capsys.readouterr().out == (
        "crm: live, users:read, expires 2999-01-01T00:00:00Z, last used never\n"
    )
    call_command("revoke_token", "crm", "--reason", "left")
    assert capsys.readouterr().out == "The token of crm is revoked.\n"
    call_command("list_tokens", "--json")
    assert json.loads(capsys.readouterr().out) == []
    call_command("list_tokens", "--json", "--all")
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["name"], one["standing"]) == ("crm", "revoked")
    with pytest.raises(CommandError, match="No token in use is called crm"):
        call_command("revoke_token", "crm")
    issue("crm")
    with pytest.raises(CommandError, match="at most 500"):
        call_command("revoke_token", "crm", "--reason", "x" * 501)
