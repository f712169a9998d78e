"""The server all contestants share: embedded PostgreSQL, durable as in production."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.core.management import call_command
from psycopg import sql

from config.embedded.environment import services

DATABASE = f"annals_benchmark_{os.getpid()}"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Server:
    """One database of its own in a running server."""

    conninfo: str
    postmaster: int

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the server and of all its processes, dead ones too."""
        return sum(_cpu_seconds(pid) for pid in self._processes())

    def query(self, text: str) -> list[tuple[object, ...]]:
        """Run one statement and return its rows, if it has any."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def _processes(self) -> Iterator[int]:
        yield self.postmaster
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _parent(int(entry.name)) == self.postmaster:
                yield int(entry.name)


@contextmanager
def running() -> Iterator[Server]:
    """Give a migrated database for the benchmark, and drop it afterwards."""
    embedded = services().database
    if embedded is None:
        message = "Unset DATABASE_URL: benchmarks use the embedded server."
        raise SystemExit(message)
    host = str(embedded.socket_folder)
    administration = f"host='{host}' user=postgres dbname=postgres"
    name = sql.Identifier(DATABASE)
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        postmaster = _parent(pid)
    _become_superuser_of(DATABASE)
    call_command("migrate", verbosity=0, interactive=False)
    server = Server(
        conninfo=f"host='{host}' user=postgres dbname={DATABASE}",
        postmaster=postmaster,
    )
    server.query("CREATE TABLE bare_events (LIKE events INCLUDING ALL)")
    server.query("ALTER TABLE bare_events ALTER position DROP IDENTITY IF EXISTS")
    server.query("CREATE SEQUENCE bare_position")
    server.query(
        "ALTER TABLE bare_events ALTER position SET DEFAULT nextval('bare_position')"
    )
    try:
        yield server
    finally:
        with psycopg.connect(administration, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(name))


def _become_superuser_of(database: str) -> None:
    from django.conf import settings  # noqa: PLC0415 - Django must be set up
    from django.db import connection  # noqa: PLC0415

    settings.MIGRATE_DATABASE_URL = ""  # which names the installation's database
    connection.close()
    connection.settings_dict |= {"NAME": database, "USER": "postgres"}


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:  # it ended meanwhile
        return []
    return text.rpartition(")")[2].split()


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _cpu_seconds(pid: int) -> float:
    # utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
    return sum(int(field) for field in _stat(pid)[11:15]) / TICKS
