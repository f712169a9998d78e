"""The database ends what takes too long; only the web and the feed ask for it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.db import connection, connections
from pytest_django import Settings

from config import deadlines
from tests.backoffice import USERS as PEOPLE
from tests.backoffice import superuser, text
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
def test_in_the_back_office_it_is_a_page_that_keeps_the_filters(
    settings: Settings,
) -> None:
    settings.DATABASE_READ_SECONDS = 1
    staff = superuser()
    with held("projections_directoryentry"):
        page = staff.get(f"{PEOPLE}?q=ad%22a&status=active&cursor=x")
    assert page.status_code == 503
    assert "Give more letters of the name" in (text(page, "too-slow") or "")
    assert [text(page, "narrow"), text(page, "zone")] == [
        "Name, e-mail or id Status Try again",
        "UTC",
    ]
    html = page.content.decode()
    for name, value in (("q", "ad&quot;a"), ("status", "active"), ("cursor", "x")):
        assert re.search(rf'name="{name}"[^>]* value="{value}"', html)
    assert page["Content-Security-Policy"]


@pytest.mark.usefixtures("committed_db")
def test_only_reading_the_back_office_is_bound_so_and_only_while_it_lasts(
    settings: Settings,
) -> None:
    for seconds, expected in ((3, "3s"), (0, "0")):
        settings.DATABASE_READ_SECONDS = seconds
        with deadlines.bound_reads():
            within = _bound()
        assert (within, _bound()) == (expected, "0")
    settings.DATABASE_READ_SECONDS = 3
    assert superuser().get(PEOPLE).status_code == 200
    assert _bound() == "0"


def _bound() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])
