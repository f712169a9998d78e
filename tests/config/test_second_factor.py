"""A second factor beside the password: codes of an app, and who must have one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from eventstore.circumstances import acting
from eventstore.models import StoredEvent
from tests.backoffice import EVENTS, regions, text
from users import factors
from users.models import SecondFactor

pytestmark = pytest.mark.django_db
LOGIN, SECOND = "/admin/login/", "/admin/second/"
FACTORS, APP, PASSKEY = (
    "/admin/factors/",
    "/admin/factors/app/",
    "/admin/factors/passkey/",
)
PASSWORD = "a password of the tests"


@pytest.fixture
def account() -> User:
    return User.objects.create_superuser("root", password=PASSWORD)


@pytest.fixture(autouse=True)
def somebody_acts() -> Iterator[None]:
    with acting(actor="staff:root", source="admin", correlation_id=uuid4()):
        yield


def logged_in() -> Client:
    """Give the password, and no more."""
    client = Client()
    answer = client.post(LOGIN, {"username": "root", "password": PASSWORD})
    assert answer.status_code == 302
    return client


def with_app(account: User) -> str:
    """Give *account* an app, and return its secret; no code is used up."""
    secret = factors.new_secret()
    code = pyotp.TOTP(secret).now()
    assert factors.add_app(account, secret, code, "phone")
    SecondFactor.objects.update(last_step=0)
    return secret


def code_of(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(timezone.now(), counter_offset=steps)


def told() -> list[tuple[str, str]]:
    found = StoredEvent.objects.filter(type="StaffFactorChanged").order_by("position")
    return [(event.data["factor"], event.data["change"]) for event in found]


def lets_in(client: Client) -> bool:
    return client.get(EVENTS).status_code == 200


def give(client: Client, code: str, **query: str) -> Any:
    return client.post(SECOND, {"code": code}, query_params=query)


@pytest.mark.usefixtures("account")
def test_an_app_is_added_with_the_code_it_shows() -> None:
    client = logged_in()
    page = client.get(APP)
    secret = text(page, "secret") or ""
    assert text(client.get(APP), "secret") == secret
    wrong = client.post(APP, {"name": "phone", "code": "000000x"})
    assert (wrong.status_code, SecondFactor.objects.count()) == (422, 0)
    answer = client.post(APP, {"name": "phone", "code": code_of(secret)})
    assert (answer.status_code, answer["Location"]) == (303, FACTORS)
    kept = SecondFactor.objects.get()
    assert (kept.name, secret.encode() in bytes(kept.secret)) == ("phone", False)
    assert told() == [("app", "added")]
    assert lets_in(client)  # whoever added it has just shown it


def test_after_the_password_the_code_is_asked_for_and_leads_on(account: User) -> None:
    secret = with_app(account)
    client = logged_in()
    for url in (EVENTS, FACTORS, APP, "/admin/", "/admin/password_change/"):
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer["Location"].startswith(f"{SECOND}?next=")
    assert client.post(EVENTS).status_code == 302
    before = client.session.session_key
    answer = give(client, code_of(secret), next=EVENTS)
    assert (answer.status_code, answer["Location"]) == (303, EVENTS)
    assert lets_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_clock_may_be_half_a_minute_wrong(account: User, steps: int) -> None:
    secret = with_app(account)
    assert factors.accept_code(account, code_of(secret, steps))


@pytest.mark.parametrize("steps", [-3, 3])
def test_but_no_more(account: User, steps: int) -> None:
    secret = with_app(account)
    assert not factors.accept_code(account, code_of(secret, steps))


def test_a_code_works_once(account: User) -> None:
    secret = with_app(account)
    code = code_of(secret)
    assert factors.accept_code(account, f" {code[:3]} {code[3:]} ")
    assert not factors.accept_code(account, code)
    assert give(logged_in(), code).status_code == 422


@pytest.mark.parametrize("code", ["", "000000", "١٢٣٤٥٦", "\ud800", "\x00", "9" * 5000])
def test_what_is_no_code_lets_nobody_in(account: User, code: str) -> None:
    with_app(account)
    assert not factors.accept_code(account, code)


def test_after_a_new_secret_key_recovery_codes_still_let_in(
    account: User, settings: Settings
) -> None:
    secret = with_app(account)
    code = factors.make_codes(account)[0]
    settings.SECRET_KEY = "another one"
    assert not factors.accept_code(account, code_of(secret))
    assert factors.accept_code(account, code)


def test_recovery_codes_are_shown_once_and_work_once(account: User) -> None:
    secret = with_app(account)
    client = logged_in()
    give(client, code_of(secret))
    page = client.post(FACTORS, {"codes": "1"})
    codes = (text(page, "codes") or "").split()[-10:]
    assert len(set(codes)) == 10
    assert codes[0] not in client.get(FACTORS).content.decode()
    other = logged_in()
    assert give(other, codes[0].upper()).status_code == 303
    assert lets_in(other)
    assert give(logged_in(), codes[0]).status_code == 422
    client.post(FACTORS, {"codes": "1"})
    assert give(logged_in(), codes[1]).status_code == 422
    assert told()[1:] == [
        ("recovery codes", "made anew"),
        ("recovery code", "spent"),
        ("recovery codes", "made anew"),
    ]


def test_wrong_codes_lock_and_the_lock_is_an_entry(account: User) -> None:
    secret = with_app(account)
    client = logged_in()
    answers = [give(client, "000000").status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert give(logged_in(), code_of(secret)).status_code == 429
    (event,) = StoredEvent.objects.filter(type="StaffLockedOut")
    assert event.data["account"] == "root"


def test_whoever_needs_one_and_has_none_must_add_one_first(
    account: User, settings: Settings
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    client = logged_in()
    for url in (EVENTS, "/admin/", "/admin/auth/user/"):
        assert client.get(url)["Location"] == FACTORS
    page = client.get(FACTORS)
    assert "Add one to go on" in (text(page, "no-factor") or "")
    secret = text(client.get(APP), "secret") or ""
    client.post(APP, {"name": "phone", "code": code_of(secret)})
    assert lets_in(client)
    assert factors.has_any(account)


@pytest.mark.usefixtures("account")
def test_a_session_from_before_it_was_demanded_is_asked(settings: Settings) -> None:
    client = logged_in()
    assert lets_in(client)
    settings.STAFF_SECOND_FACTOR = True
    assert client.get(EVENTS)["Location"] == FACTORS


def test_removing_the_last_factor_ends_the_recovery_codes_too(account: User) -> None:
    secret = with_app(account)
    factors.make_codes(account)
    client = logged_in()
    give(client, code_of(secret))
    one = SecondFactor.objects.get(kind="app")
    client.post(FACTORS, {"remove": one.pk})
    assert not SecondFactor.objects.exists()
    assert told()[-1] == ("app", "removed")
    assert lets_in(logged_in())


def test_who_lost_everything_is_let_in_again_by_the_console(account: User) -> None:
    with_app(account)
    factors.make_codes(account)
    call_command("forget_factors", "root")
    assert not SecondFactor.objects.exists()
    assert told()[-1] == ("app", "removed")
    with pytest.raises(CommandError, match="No account is called nobody"):
        call_command("forget_factors", "nobody")


def test_nobody_removes_what_is_another_s(account: User) -> None:
    with_app(account)
    User.objects.create_superuser("ada", password=PASSWORD)
    client = Client()
    client.post(LOGIN, {"username": "ada", "password": PASSWORD})
    client.post(FACTORS, {"remove": SecondFactor.objects.get().pk})
    assert factors.has_any(account)


def test_changing_factors_asks_for_the_password(account: User) -> None:
    secret = with_app(account)
    client = logged_in()
    give(client, code_of(secret))
    session = client.session
    session["proved_at"] = 0
    session.save()
    for url in (APP, PASSKEY):
        assert client.get(url)["Location"].startswith("/admin/prove/")
    answer = client.post(FACTORS, {"remove": SecondFactor.objects.get().pk})
    assert answer["Location"].startswith("/admin/prove/")
    assert factors.has_any(account)


@pytest.mark.parametrize(
    "response", ["{}", "[]", "nonsense", '{"id": 1}', "[" * 5000, '{"rawId": "x"}']
)
def test_a_forged_passkey_is_none(account: User, response: str) -> None:
    with_app(account)
    client = logged_in()
    assert client.post(SECOND, {"response": response}).status_code == 422
    assert not lets_in(client)


@pytest.mark.usefixtures("account")
def test_a_forged_passkey_is_not_kept() -> None:
    client = logged_in()
    client.get(PASSKEY)
    answer = client.post(PASSKEY, {"name": "x", "response": '{"rawId": "x"}'})
    assert (answer.status_code, SecondFactor.objects.count()) == (422, 0)


def test_a_deployment_without_it_is_refused(settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = False
    found = {each.id for each in run_checks(include_deployment_checks=True)}
    assert "config.E001" in found
    settings.STAFF_SECOND_FACTOR = True
    found = {each.id for each in run_checks(include_deployment_checks=True)}
    assert "config.E001" not in found


def test_the_log_in_page_says_where_none_is_asked_for(settings: Settings) -> None:
    assert regions(Client().get(LOGIN), "no-second-factor")
    settings.STAFF_SECOND_FACTOR = True
    assert not regions(Client().get(LOGIN), "no-second-factor")
