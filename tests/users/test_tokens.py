from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from users import tokens
from users.models import ApiToken

pytestmark = pytest.mark.django_db


def test_a_token_is_known_by_its_digest_only() -> None:
    token = tokens.issue("crm")
    (kept,) = ApiToken.objects.all()
    assert tokens.verify(token) == kept
    assert token.removeprefix("annals_").encode() not in bytes(kept.digest)


def test_a_token_issued_again_replaces_the_old_one() -> None:
    old, new = tokens.issue("crm"), tokens.issue("crm")
    assert tokens.verify(old) is None
    assert tokens.verify(new) is not None


def test_a_revoked_token_is_nobody() -> None:
    token = tokens.issue("crm")
    ApiToken.objects.update(revoked_at=timezone.now())
    assert tokens.verify(token) is None


@pytest.mark.parametrize("token", ["", "annals_", "ü", "x" * 10_000])
def test_an_odd_token_is_nobody(token: str) -> None:
    assert tokens.verify(token) is None


def test_the_command_prints_a_token_that_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("issue_token", "crm")
    token = capsys.readouterr().out.strip()
    assert str(tokens.verify(token)) == "crm"


@pytest.mark.parametrize("name", ["", "\x00", "a\nb", "x" * 201])
def test_a_client_needs_a_proper_name(name: str) -> None:
    with pytest.raises(CommandError):
        call_command("issue_token", name)
    assert ApiToken.objects.count() == 0


def test_a_clients_name_is_kept_in_normal_form() -> None:
    tokens.issue("Zoe\u0308")
    assert ApiToken.objects.get().name == "Zo\u00eb"
