"""The database ends what takes too long; only the web and the feed ask for it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.db import connection, connections

from tests.backoffice import USERS as PEOPLE
from tests.backoffice import superuser
from tests.rest import client, problem

ASK = """
from django.db import connection
with connection.cursor() as cursor:
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute(f"SHOW {name}")
        print(cursor.fetchone()[0])
"""
NOBODY = "import django\ndjango.setup()"
USERS = "/api/v1/users"


def asked(start: str, **environment: str) -> list[str]:
    """Return what a process that starts so is told by the database."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", f"{start}\n{ASK}"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("start", ["import config.wsgi", "import config.asgi"])
def test_the_web_and_the_feed_do_not_wait_for_ever(start: str) -> None:
    assert asked(start) == ["15s", "1min"]
    told = {"DATABASE_STATEMENT_SECONDS": "7", "DATABASE_IDLE_SECONDS": "0"}
    assert asked(start, **told) == ["7s", "0"]


@pytest.mark.parametrize("start", [NOBODY, "import config.celery"])
def test_workers_and_commands_take_their_time(start: str) -> None:
    assert asked(f"{NOBODY}\n{start}") == ["0", "0"]


@contextlib.contextmanager
def held(table: str) -> Iterator[None]:
    """Let nobody read *table*, and this connection wait for a second at most."""
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SET LOCAL ROLE none")
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '1s'")
    yield
    other.close()


@pytest.mark.usefixtures("committed_db")
def test_what_takes_too_long_is_a_problem_that_says_what_to_do() -> None:
    api = client()
    with held("projections_directoryentry"):
        answer = api.get(USERS)
    found = problem(answer)
    assert (answer.status_code, found["title"]) == (503, "Too slow")
    assert found["detail"].startswith("This takes too long to find. Narrow it")
    assert "Retry-After" not in answer
    assert api.get(USERS).status_code == 200


@pytest.mark.usefixtures("committed_db")
def test_in_the_back_office_it_is_a_page() -> None:
    staff = superuser()
    with held("projections_directoryentry"):
        page = staff.get(PEOPLE)
    assert page.status_code == 503
    assert b"narrow what you ask for" in page.content
    assert page["Content-Security-Policy"]
