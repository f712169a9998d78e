"""What a newcomer is told and given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from config import welcome
from users import tokens

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.django_db
def test_the_first_account_and_token_work_and_stay(tmp_path: Path) -> None:
    access = welcome.open_access(tmp_path)
    staff = authenticate(username="admin", password=access.password)
    assert staff is not None
    assert tokens.verify(access.token) is not None
    assert welcome.open_access(tmp_path) == access
    for secret in ("login.txt", "token.txt"):
        assert (tmp_path / secret).stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_a_newcomer_can_see_through_the_eyes_of_each_role(tmp_path: Path) -> None:
    access = welcome.open_access(tmp_path)
    for username, role in welcome.ROLES.items():
        person = authenticate(username=username, password=access.password)
        assert isinstance(person, User)
        assert (person.is_staff, person.is_superuser) == (True, False)
        assert [group.name for group in person.groups.all()] == [role]


@pytest.mark.django_db
def test_a_token_of_another_database_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("annals_of_a_database_that_was_removed\n")
    access = welcome.open_access(tmp_path)
    assert tokens.verify(access.token) is not None
    assert (tmp_path / "token.txt").read_text() == f"{access.token}\n"


def test_with_a_database_of_ones_own_only_the_address_is_shown() -> None:
    assert welcome.greeting("http://localhost:8000/", None) == (
        "\n"
        "┌──────────────────────────────────────────────┐\n"
        "│  Annals is running:  http://localhost:8000/  │\n"
        "│  Stop it with Ctrl-C.                        │\n"
        "└──────────────────────────────────────────────┘"
    )
