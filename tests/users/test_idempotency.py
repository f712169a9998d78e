from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from eventstore import store
from eventstore.models import StoredEvent
from tests import rest
from tests.factories import ADA, known_user
from tests.processes import somebody_waits_for_a_lock, wait_until
from tests.rest import post, problem
from users import tasks
from users.aggregate import USER
from users.models import KeptAnswer, UnrecordedCommand

USERS = "/api/v1/users"
NAME = f"/api/v1/users/{ADA}/name"
BODY = {"id": str(ADA), "name": "Ada Byron", "email": "ada@example.com"}
KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def api(db: None) -> Client:  # noqa: ARG001  # comes first
    return rest.client()


def lasting(response: Any) -> dict[str, str]:
    """Return the headers that belong to the answer and not to the request."""
    own = {"X-Correlation-ID", "X-Request-ID", "Idempotency-Replayed", "RateLimit"}
    return {name: value for name, value in response.items() if name not in own}


def is_replay(response: Any) -> bool:
    return bool(response.headers.get("Idempotency-Replayed") == "true")


@pytest.mark.parametrize(
    ("url", "body", "status"),
    [
        (USERS, BODY | {"id": str(UUID(int=1))}, 202),
        (NAME, {"name": "Ada King"}, 202),
        (NAME, {"name": "Ada Byron"}, 200),
        (NAME, {"name": "\u202e"}, 400),
        (USERS, BODY, 409),
        (f"{USERS}/{UUID(int=7)}/name", {"name": "Nobody"}, 404),
        (f"{USERS}/commands", {"commands": [{"command": "create_user"} | BODY]}, 200),
    ],
)
def test_a_repeat_gets_the_first_answer_byte_for_byte(
    api: Client, url: str, body: Any, status: int
) -> None:
    known_user(ADA)
    first = post(api, url, body, headers=KEY)
    count = StoredEvent.objects.count()
    again = post(api, url, body, headers=KEY)
    assert (first.status_code, is_replay(first)) == (status, False)
    assert (again.status_code, is_replay(again)) == (status, True)
    assert (again.content, lasting(again)) == (first.content, lasting(first))
    assert StoredEvent.objects.count() == count
    assert KeptAnswer.objects.count() == 1


def test_quotes_around_the_key_make_no_difference(api: Client) -> None:
    first = post(api, USERS, BODY, headers={"Idempotency-Key": '"k-1"'})
    again = post(api, USERS, BODY, headers={"Idempotency-Key": " k-1 "})
    assert (again.content, is_replay(again)) == (first.content, True)


@pytest.mark.parametrize(
    ("url", "body"),
    [(USERS, BODY | {"name": "Mallory"}), (NAME, BODY), (f"{USERS}?x=1", BODY)],
)
def test_the_key_with_another_request_is_refused(
    api: Client, url: str, body: dict[str, str]
) -> None:
    post(api, USERS, BODY, headers=KEY)
    wanted = {"name": "Ada"} if url == NAME else body
    response = post(api, url, wanted, headers=KEY)
    assert (response.status_code, problem(response)["title"]) == (
        422,
        "Idempotency key reused",
    )
    assert StoredEvent.objects.count() == 1


def test_two_clients_may_choose_the_same_key(api: Client) -> None:
    post(api, USERS, BODY, headers=KEY)
    other = rest.client("another")
    response = post(other, USERS, BODY, headers=KEY)
    assert (response.status_code, is_replay(response)) == (409, False)
    assert problem(response)["title"] == "User exists"


@pytest.mark.parametrize("key", ["", '""', "x" * 256, 'a"b', "a,b", "zo\u00eb", '"a'])
def test_a_malformed_key_is_refused(api: Client, key: str) -> None:
    response = post(api, USERS, BODY, headers={"Idempotency-Key": key})
    assert (response.status_code, problem(response)["title"]) == (400, "Parse error")
    assert StoredEvent.objects.count() == 0


def test_what_was_not_decided_is_not_kept(api: Client) -> None:
    known_user(ADA)
    post(api, NAME, {"name": 7}, headers=KEY)
    stale = post(api, NAME, {"name": "x", "expected_version": 9}, headers=KEY)
    assert (stale.status_code, KeptAnswer.objects.count()) == (409, 0)
    assert post(api, NAME, {"name": "Ada King"}, headers=KEY).status_code == 202


def test_what_is_kept_names_nobody(api: Client) -> None:
    known_user(ADA, email="ada@example.com")
    for number, body in enumerate(
        [{"name": "Grace Hopper", "email": "grace@example.com"}, BODY]
    ):
        post(api, USERS, body, headers={"Idempotency-Key": f"grace-{number}"})
    rows = list(KeptAnswer.objects.values())
    kept = b" ".join(bytes(row["body"]) for row in rows).decode() + str(rows)
    assert len(rows) == 2
    assert [word for word in ("Grace", "grace", "Ada", "example") if word in kept] == []


@pytest.mark.usefixtures("committed_db")
def test_an_expired_key_is_a_new_key_and_is_pruned(settings: Settings) -> None:
    api = rest.client()
    post(api, USERS, BODY, headers=KEY)
    past = timezone.now() - timedelta(seconds=1)
    KeptAnswer.objects.update(expires_at=past)
    again = post(api, USERS, BODY, headers=KEY)
    assert (again.status_code, is_replay(again)) == (409, False)
    assert KeptAnswer.objects.count() == 1
    KeptAnswer.objects.update(expires_at=past)
    UnrecordedCommand.objects.update(decided_at=timezone.now() - timedelta(days=3))
    settings.REFUSED_COMMANDS_DAYS = 4
    tasks.prune()
    assert (KeptAnswer.objects.count(), UnrecordedCommand.objects.count()) == (0, 1)
    settings.REFUSED_COMMANDS_DAYS = 3
    tasks.prune()
    assert UnrecordedCommand.objects.count() == 0


def test_an_answer_is_kept_as_long_as_the_setting_says(
    api: Client, settings: Settings
) -> None:
    settings.IDEMPOTENCY_HOURS = 48
    before = timezone.now()
    post(api, USERS, BODY, headers=KEY)
    (row,) = KeptAnswer.objects.all()
    assert before <= row.expires_at - timedelta(hours=48) <= timezone.now()


def in_threads(works: list[Callable[[], Any]]) -> list[Any]:
    answers: list[Any] = []

    def work(each: Callable[[], Any]) -> None:
        answers.append(each())
        connection.close()

    threads = [threading.Thread(target=work, args=[each]) for each in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.usefixtures("committed_db", "superuser")
def test_while_the_first_is_under_way_the_second_is_told_to_come_again() -> None:
    api = rest.client()
    answers: list[Any] = []

    def ask() -> None:
        answers.append(post(api, USERS, BODY, headers=KEY))
        connection.close()

    first = threading.Thread(target=ask)
    with transaction.atomic():
        known_user(email="ada@example.com")
        first.start()
        wait_until(somebody_waits_for_a_lock)
        (second,) = in_threads([lambda: post(api, USERS, BODY, headers=KEY)])
        transaction.set_rollback(True)
    first.join()
    third = post(api, USERS, BODY, headers=KEY)
    assert (second.status_code, second["Retry-After"]) == (409, "1")
    assert problem(second)["title"] == "Request in progress"
    assert (answers[0].status_code, third.content) == (202, answers[0].content)
    assert is_replay(third)
    assert StoredEvent.objects.count() == 1


@pytest.mark.usefixtures("committed_db")
def test_a_hundred_at_once_are_one_command_and_one_answer() -> None:
    api = rest.client()

    def ask() -> Any:
        response = post(api, USERS, BODY, headers=KEY)
        while response.status_code == 409:
            response = post(api, USERS, BODY, headers=KEY)
        return response

    for _ in range(10):
        answers = in_threads([ask] * 10)
        assert {each.status_code for each in answers} == {202}
        assert len({each.content for each in answers}) == 1
    assert StoredEvent.objects.count() == 1


@pytest.mark.usefixtures("committed_db", "superuser")
def test_a_keyed_command_overtaken_is_decided_again() -> None:
    known_user(ADA)
    api = rest.client()
    answers: list[Any] = []

    def ask() -> None:
        answers.append(post(api, NAME, {"name": "Ada King"}, headers=KEY))
        connection.close()

    thread = threading.Thread(target=ask)
    with transaction.atomic():
        post(api, NAME, {"name": "Ada Lovelace"})
        thread.start()
        wait_until(somebody_waits_for_a_lock)
    thread.join()
    assert [(a.status_code, a.json()["version"]) for a in answers] == [(202, 3)]


# Answers one request up to the moment at which the server would send the answer.
KILLED = """
import os, signal, sys
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory

def send(status, headers):
    print(status, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

application = get_wsgi_application()
token, key, url, body = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
factory = RequestFactory(headers=headers, SERVER_NAME="localhost")
request = factory.post(url, body, content_type="application/json")
application(request.environ, send)
"""


@pytest.mark.usefixtures("committed_db")
def test_killed_between_commit_and_answer_the_retry_gets_the_recorded_answer() -> None:
    api = rest.client()
    token = api.defaults["HTTP_AUTHORIZATION"].split()[1]
    parameters = connection.settings_dict
    host = parameters["HOST"].replace("/", "%2F")
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://annals_app@{host}/{parameters['NAME']}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    asked = [token, KEY["Idempotency-Key"], USERS, json.dumps(BODY)]
    killed = subprocess.run(  # noqa: S603
        [sys.executable, "-c", KILLED, *asked],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "202 Accepted\n")
    (event,) = store.read_stream(USER.stream(ADA))
    retry = post(api, USERS, BODY, headers=KEY)
    assert (retry.status_code, is_replay(retry)) == (202, True)
    assert retry.json()["position"] == event.position
    assert retry.json()["command_id"] == str(event.causation_id)
    assert StoredEvent.objects.count() == 1
