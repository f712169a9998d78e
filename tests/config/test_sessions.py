"""Sessions end, and what cannot be undone asks for the password once more."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config import access, sessions, unsent
from eventstore.checkpoints import ensure
from eventstore.read_models import note
from tests.backoffice import EVENTS, hidden, proved, text, user_url
from tests.factories import ADA, known_user
from users import factors
from users.models import ApiToken

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"
PROVE = "/admin/prove/"
ISSUE = "/admin/users/apitoken/add/"
ERASE = user_url(ADA, "commands/erase-user/")
PASSWORD = "a password of the tests"
TOKEN = {"name": "bi", "scopes": ["users:read"], "reason": "OPS-412"}


@pytest.fixture
def root() -> Client:
    """Somebody who logged in through the form, just now."""
    User.objects.create_superuser("root", password=PASSWORD)
    client = Client()
    answer = client.post(LOGIN, {"username": "root", "password": PASSWORD})
    assert answer.status_code == 302
    return client


def moved(client: Client, **seconds: float) -> Client:
    """Move clocks of the session back."""
    session = client.session
    for name, ago in seconds.items():
        session[name] = timezone.now().timestamp() - ago
    session.save()
    return client


def is_in(client: Client) -> bool:
    return client.get(EVENTS).status_code == 200


@pytest.mark.parametrize(
    ("clocks", "status"),
    [
        ({"seen_at": 29 * 60}, 200),
        ({"seen_at": 30 * 60}, 302),
        ({"begun_at": 12 * 3600 - 60}, 200),
        ({"begun_at": 12 * 3600}, 302),
    ],
)
def test_a_session_ends_idle_after_half_an_hour_and_always_after_twelve(
    root: Client, clocks: dict[str, float], status: int
) -> None:
    assert moved(root, **clocks).get(EVENTS).status_code == status
    assert root.get(EVENTS).status_code == status


def test_use_keeps_a_session_but_not_beyond_its_end(root: Client) -> None:
    moved(root, seen_at=29 * 60, begun_at=11 * 3600)
    assert is_in(root)
    assert timezone.now().timestamp() - root.session["seen_at"] < 5
    assert timezone.now().timestamp() - root.session["begun_at"] > 11 * 3600 - 5


def test_the_lengths_are_the_installation_s(root: Client, settings: Settings) -> None:
    settings.SESSION_IDLE_MINUTES = 1
    assert not is_in(moved(root, seen_at=60))


def test_a_session_from_before_there_were_clocks_gets_them() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    assert is_in(client)
    assert {"begun_at", "seen_at"} <= set(client.session.keys())


def test_the_key_of_a_session_changes_with_the_log_in_and_with_each_proof(
    root: Client,
) -> None:
    first = root.session.session_key
    moved(root, proved_at=301)
    root.post(PROVE, {"password": PASSWORD})
    second = root.session.session_key
    root.post(LOGIN, {"username": "root", "password": PASSWORD})
    assert len({first, second, root.session.session_key}) == 3


def test_the_cookie_is_for_us_alone(root: Client, settings: Settings) -> None:
    cookie = root.cookies[settings.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (
        True,
        "Lax",
        12 * 3600,
    )


def test_after_a_log_in_nothing_asks_again(root: Client) -> None:
    assert root.get(ISSUE).status_code == 200
    known_user(ADA)
    assert root.get(ERASE).status_code == 200


def test_what_asks_for_proof() -> None:
    asked = {name for name, need in access.PAGES.items() if need.is_proved}
    hard = {"erase_user", "issue_token", "rebuild_subscription", "change_rebuild"}
    accounts = {f"auth_{kind}_" for kind in ("user", "group")}
    rights = {
        f"{start}{act}"
        for start in accounts
        for act in ("add", "change", "changelist", "delete")
    } | {"auth_user_password_change"}
    hard |= {"decide_approval", "add_app", "add_passkey", "new_export"}
    assert asked == hard | rights


@pytest.mark.parametrize("ago", [301, 86_400, -60])
def test_after_five_minutes_a_hard_act_asks_who_it_is(root: Client, ago: int) -> None:
    proved(root, ago)
    known_user(ADA)
    for url in (ISSUE, ERASE):
        answer = root.get(url)
        assert (answer.status_code, answer["Location"]) == (302, _asking(url))
    answer = root.post(ISSUE, TOKEN)
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"{_asking(ISSUE)}&again=1",
    )
    assert not ApiToken.objects.exists()
    page = root.get(answer["Location"])
    assert "send the form once more" in (text(page, "prove") or "")
    back = root.post(answer["Location"], {"password": PASSWORD})
    assert (back.status_code, back["Location"]) == (303, ISSUE)
    assert root.post(ISSUE, TOKEN).status_code == 303
    assert ApiToken.objects.count() == 1


def typed_again(root: Client, url: str, sent: dict[str, Any]) -> str:
    """Post too late, prove who it is, and return the page that one comes back to."""
    proved(root, 301)
    asked = root.post(url, sent)["Location"]
    back = root.post(asked, {"password": PASSWORD})["Location"]
    return root.get(back, follow=True).content.decode()


def test_a_form_that_came_too_late_comes_back_as_it_was_typed_once(
    root: Client,
) -> None:
    sent = {"name": "bi <b>", "scopes": ["users:read", "events:read"], "reason": "Öl"}
    page = typed_again(root, ISSUE, sent)
    assert 'value="bi &lt;b&gt;"' in page
    assert 'value="Öl"' in page
    assert page.count(" checked") == 2
    assert 'value="Öl"' not in root.get(ISSUE).content.decode()
    assert not ApiToken.objects.exists()


def test_what_was_typed_for_an_act_comes_back_on_the_page_of_the_act(
    root: Client,
) -> None:
    rebuild = "/admin/eventstore/subscription/directory/rebuild/"
    page = typed_again(root, rebuild, {"reason": "OPS-412", "typed": "directory"})
    assert ('value="OPS-412"' in page, 'value="directory"' in page) == (True, True)
    ensure("directory")
    note("directory", "another code")
    page = typed_again(root, f"{rebuild}accept/", {"reason": "OPS-413"})
    assert page.count('value="OPS-413"') == 1
    assert 'value="OPS-412"' not in page


def test_the_version_somebody_saw_comes_back_with_what_they_typed(
    root: Client,
) -> None:
    known_user(ADA)
    typed_again(root, ERASE, {"ground": "retention", "expected_version": "0"})
    proved(root, 301)
    asked = root.post(ERASE, {"ground": "retention", "expected_version": "0"})
    answer = root.post(asked["Location"], {"password": PASSWORD}, follow=True)
    assert hidden(answer, "expected_version") == "0"


def test_nobody_reads_in_the_session_what_was_typed(root: Client) -> None:
    proved(root, 301)
    root.post(ISSUE, {"name": "hunter2", "reason": "hunter2"})
    kept = root.session["unsent"]
    assert kept.startswith("gAAAA")
    assert "hunter2" not in str(dict(root.session))
    moved(root, proved_at=0)
    session = root.session
    session["unsent"] = sealed_long_ago("hunter2")
    session.save()
    assert "hunter2" not in root.get(ISSUE).content.decode()
    assert "unsent" not in root.session


def test_what_is_too_long_to_keep_is_not_kept(root: Client) -> None:
    proved(root, 301)
    assert root.post(ISSUE, {"reason": "x" * 100_001}).status_code == 302
    assert "unsent" not in root.session


def sealed_long_ago(name: str) -> str:
    kept = json.dumps([ISSUE, f"name={name}"]).encode()
    ago = int(time.time()) - unsent.KEPT_SECONDS - 1
    return factors._cipher().encrypt_at_time(kept, ago).decode()  # noqa: SLF001


def test_a_wrong_password_proves_nothing_and_counts(root: Client) -> None:
    proved(root, 301)
    for _ in range(5):
        answer = root.post(PROVE, {"password": "a guess"})
        assert answer.status_code == 422
        assert text(answer, "error-summary") == "This is not your password."
    locked = root.post(PROVE, {"password": PASSWORD})
    assert (locked.status_code, "Retry-After" in locked) == (429, True)
    assert root.get(ISSUE).status_code == 302
    again = Client().post(LOGIN, {"username": "root", "password": PASSWORD})
    assert again.status_code == 429


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example", "x:y", ""]
)
def test_no_proof_leads_elsewhere(root: Client, place: str) -> None:
    answer = root.post(f"{PROVE}?next={place}", {"password": PASSWORD})
    assert answer["Location"] == "/admin/"


def test_whoever_may_not_is_refused_before_anything_is_asked() -> None:
    person = User.objects.create_user("ada", is_staff=True)
    client = Client()
    client.force_login(person)
    assert client.get(ISSUE).status_code == 403


def test_nobody_proves_without_logging_in() -> None:
    answer: Any = Client().post(PROVE, {"password": PASSWORD})
    assert answer["Location"].startswith(LOGIN)
    assert sessions.PROOF_SECONDS == 300


def _asking(url: str) -> str:
    return f"{PROVE}?next={url.replace('/', '%2F')}"
