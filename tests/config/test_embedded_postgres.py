"""Real servers, shared and abandoned by real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from config.embedded import guardian, postgres
from config.embedded.errors import EmbeddedError
from tests.config.conftest import open_folder
from tests.processes import running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
# Uses the server of the folder it is given until its standard input ends.
USER = """
import pathlib, subprocess, sys
from config.embedded import guardian, postgres
base = pathlib.Path(sys.argv[1])
server = postgres.ensure(base, "annals")
if "with-child" in sys.argv:
    child = ["/bin/sh", "-c", "read line", "child of", sys.argv[1]]
    subprocess.Popen(child, pass_fds=[server.lock])
print(guardian.running_pid(base / "pgdata"), flush=True)
sys.stdin.read()
"""


class User:
    """A process that uses the server of a folder."""

    def __init__(self, base: Path, *options: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", USER, base, *options],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def server_pid(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def leave(self) -> None:
        self.process.communicate()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    with open_folder() as path:
        User(path).leave()
        yield path


@pytest.fixture
def base(cluster: Path) -> Iterator[Path]:
    """Give a folder with a cluster that does not run, without waiting for initdb."""
    yield cluster
    wait_until(lambda: not running(str(cluster)))


def answer(base: Path, query: str) -> object:
    where = guardian.pidfile(base / "pgdata")[4]
    with psycopg.connect(host=where, user="postgres", dbname="annals") as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


def test_letters_beyond_ascii_fold_whatever_the_system_locale(base: Path) -> None:
    user = User(base)
    user.server_pid()
    assert answer(base, "SELECT 'É' ILIKE 'é'") is True
    user.leave()


def test_what_an_earlier_version_left_to_the_superuser_is_handed_over(
    base: Path,
) -> None:
    user = User(base)
    user.server_pid()
    where = guardian.pidfile(base / "pgdata")[4]
    with psycopg.connect(host=where, user="postgres", dbname="annals") as connection:
        connection.execute("CREATE TABLE old (n int)")
    user.leave()
    again = User(base)
    again.server_pid()
    owner = "SELECT tableowner::text FROM pg_tables WHERE tablename = 'old'"
    assert answer(base, owner) == "annals_owner"
    assert answer(base, "SELECT has_table_privilege('annals_app', 'old', 'DELETE')")
    again.leave()


def test_a_second_user_finds_the_server_running(base: Path) -> None:
    first, second = User(base), User(base)
    assert first.server_pid() == second.server_pid()
    first.leave()
    second.leave()


def test_the_server_stops_with_its_last_user_and_not_before(base: Path) -> None:
    first = User(base)
    pid = first.server_pid()
    second = User(base)
    second.server_pid()
    first.leave()
    assert guardian.running_pid(base / "pgdata") == pid
    second.leave()
    assert guardian.running_pid(base / "pgdata") is None


def test_four_first_starts_at_once_make_one_server(folder: Path) -> None:
    users = [User(folder) for _ in range(4)]
    assert len({user.server_pid() for user in users}) == 1
    for user in users:
        user.leave()


def test_a_killed_user_leaves_nothing_running(base: Path) -> None:
    user = User(base)
    user.server_pid()
    user.kill()
    wait_until(lambda: not running(str(base)))
    assert guardian.pidfile(base / "pgdata") == []


def test_a_child_that_outlives_its_killed_parent_keeps_the_database(base: Path) -> None:
    user = User(base, "with-child")
    pid = user.server_pid()
    (child,) = running(f"child of\0{base}")
    user.process.kill()
    user.process.wait()
    User(base).leave()  # would stop the server if it were the last
    assert guardian.running_pid(base / "pgdata") == pid
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: guardian.running_pid(base / "pgdata") is None)
    user.kill()


def test_a_pid_file_that_names_another_program_is_no_obstacle(base: Path) -> None:
    stale = base / "pgdata" / "postmaster.pid"
    stale.write_text(
        f"{os.getpid()}\n{base}/pgdata\n0\n5432\n{base}/pgdata\n\n0\nready\n"
    )
    user = User(base)
    assert user.server_pid() != os.getpid()
    user.leave()


def test_a_killed_server_is_revived_while_it_has_users(base: Path) -> None:
    user = User(base)
    pid = user.server_pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: guardian.running_pid(base / "pgdata") not in {None, pid})
    wait_until(lambda: guardian.is_ready(base / "pgdata"))
    assert answer(base, "SELECT 1") == 1
    user.leave()


def test_a_server_whose_files_are_removed_ends(folder: Path) -> None:
    user = User(folder)
    user.server_pid()
    shutil.rmtree(folder / "pgdata")
    wait_until(lambda: len(running(str(folder))) == 1)
    user.kill()


def test_a_server_that_cannot_start_says_why_in_one_sentence(base: Path) -> None:
    configuration = base / "pgdata" / "postgresql.auto.conf"
    configuration.write_text("shared_buffers = 'much'\n")
    with pytest.raises(EmbeddedError) as refusal:
        postgres.ensure(base, "annals")
    configuration.write_text("")
    assert str(refusal.value) == (
        "PostgreSQL did not start: configuration file "
        f'"{base}/pgdata/postgresql.auto.conf" contains errors '
        f"(see {base}/postgres.log), or set DATABASE_URL."
    )
