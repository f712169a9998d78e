"""The lock on the back office's door."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.users.test_limits import in_parallel
from users.models import Quota

LOGIN = "/admin/login/"
LOCKED = "Too many log-ins failed. Try again in 15 minutes."
RIGHT, GUESS = "a password of the tests", "a guess"
WRONG = "Please enter the correct username and password"


@pytest.fixture(autouse=True)
def accounts(committed_db: str) -> None:
    del committed_db
    User.objects.create_user("ada", password=RIGHT, is_staff=True)
    User.objects.create_user("guest", password=RIGHT)


def attempt(username: str, password: str = GUESS, **extra: Any) -> Any:
    form = {"username": username, "password": password}
    return Client().post(LOGIN, form, **extra)


@pytest.mark.parametrize("username", ["ada", "guest", "nobody"])
def test_five_failures_lock_whether_the_account_exists_or_not(username: str) -> None:
    for _ in range(5):
        answer = attempt(username)
        assert (answer.status_code, WRONG in answer.content.decode()) == (200, True)
    locked = attempt(username, RIGHT)
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    page = locked.content.decode()
    assert (LOCKED in page, WRONG in page) == (True, False)


def test_a_log_in_that_succeeds_sets_the_count_back() -> None:
    for _ in range(3):
        for _ in range(4):
            attempt("ada")
        assert attempt("ada", RIGHT).status_code == 302
    assert not Quota.objects.exists()


def test_another_address_and_another_account_are_not_locked() -> None:
    for _ in range(6):
        attempt("ada")
    assert attempt("ADA", RIGHT).status_code == 429
    assert attempt("ada", RIGHT, REMOTE_ADDR="192.0.2.7").status_code == 302
    assert attempt("guest").status_code == 200


def test_behind_proxies_the_client_is_meant_and_not_the_proxy(
    settings: Settings,
) -> None:
    settings.TRUSTED_PROXIES = 1
    forged = [{"X-Forwarded-For": f"6.6.6.{n}, 203.0.113.9"} for n in range(6)]
    answers = [attempt("ada", headers=each).status_code for each in forged]
    assert answers == [200] * 5 + [429]
    other = {"X-Forwarded-For": "203.0.113.10"}
    assert attempt("ada", RIGHT, headers=other).status_code == 302


def test_many_guesses_at_once_are_no_way_around() -> None:
    answers = in_parallel(lambda: attempt("ada").status_code, 40)
    assert sorted(answers) == [200] * 5 + [429] * 35


def test_the_lock_may_be_switched_off(settings: Settings) -> None:
    settings.LOGIN_FAILURES = 0
    assert [attempt("ada").status_code for _ in range(7)] == [200] * 7


def test_an_empty_form_is_no_attempt() -> None:
    for _ in range(6):
        assert attempt("ada", "").status_code == 200
    assert not Quota.objects.exists()
