"""Databases for tests: one template with all migrations, cloned in a blink.

The template is named after the migrations' content, so it is never stale; it stays in
the server between runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections, transaction
from psycopg import sql

import eventstore.sql
from eventstore import roles
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

DURABILITY: tuple[LiteralString, ...] = ("fsync", "full_page_writes")
LOCK = 7340  # advisory; one run at a time makes or clones the template
HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]
_serial = itertools.count(1)


@contextlib.contextmanager
def cloned() -> Iterator[str]:
    """Switch every connection to a fresh clone of the template; drop it afterwards."""
    before = connection.settings_dict["NAME"]
    name = f"annals_test_{HOST}_{os.getpid()}_{next(_serial)}"
    with _administration() as server:
        template = _template(server)
        create = "CREATE DATABASE {} TEMPLATE {} OWNER {}"
        _run(server, create, name, template, roles.OWNER)
    _use(name)
    try:
        yield name
    finally:
        _use(before)
        with _administration() as server:
            _run(server, "DROP DATABASE {} WITH (FORCE)", name)


@contextlib.contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Give the connection another role for the block; "none" is the superuser."""
    options = connection.settings_dict["OPTIONS"]
    before = options["options"]
    connection.close()
    options["options"] = before.replace(f"role={roles.APP}", f"role={role}")
    try:
        yield
    finally:
        connection.close()
        options["options"] = before


def vault() -> list[tuple[Any, ...]]:
    """Return the keys of this database, for a clone that is filled from its export."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM vault.subject_key")
        keys: list[tuple[Any, ...]] = cursor.fetchall()
        return keys


def restore_vault(keys: list[tuple[Any, ...]]) -> None:
    """Put in keys of another database, as its owner."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO vault.subject_key VALUES (%s, %s, %s, %s, %s, %s)", keys
        )


def be_reckless() -> None:
    """Let the server wait for no disk, if the suite has one of its own."""
    if "ANNALS_TESTS_OWN_SERVER" in os.environ:
        _reload(*(f"ALTER SYSTEM SET {name} = off" for name in DURABILITY))


@contextlib.contextmanager
def durable() -> Iterator[None]:
    """Run the server for the block as an installation does."""
    _reload(*(f"ALTER SYSTEM RESET {name}" for name in DURABILITY))
    try:
        yield
    finally:
        be_reckless()


def _reload(*statements: LiteralString) -> None:
    with _administration() as server:
        for statement in statements:
            server.execute(statement)
        wanted = server.execute("SELECT pg_conf_load_time()").fetchone()
        server.execute("SELECT pg_reload_conf()")
        wait_until(
            lambda: server.execute("SELECT pg_conf_load_time()").fetchone() != wanted
        )


def _template(server: psycopg.Connection) -> str:
    name = f"annals_template_{_fingerprint()}"
    if name in _names(server, "annals_template_"):
        return name
    for old in _names(server, "annals_template_") + _abandoned(server):
        _run(server, "DROP DATABASE {} WITH (FORCE)", old)
    draft = f"annals_template_{os.getpid()}"
    _run(server, "CREATE DATABASE {}", draft)
    before = connection.settings_dict["NAME"]
    _use(draft)
    # As an installation does it: roles first, then migrations that need no superuser.
    with acting_as("none"), transaction.atomic(), connection.cursor() as cursor:
        roles.secure(cursor)
    with acting_as(roles.OWNER):
        call_command("migrate", verbosity=0, interactive=False)
    _use(before)
    # Renamed when whole: an interrupted migration is never cloned.
    _run(server, "ALTER DATABASE {} RENAME TO {}", draft, name)
    return name


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for plan in ("plan_roles", "plan_grants"):
        digest.update(eventstore.sql.load(plan).encode())
    for app in apps.get_app_configs():
        for file in sorted((Path(app.path) / "migrations").rglob("*.*")):
            if file.suffix in {".py", ".sql"}:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _abandoned(server: psycopg.Connection) -> list[str]:
    prefix = f"annals_test_{HOST}_"
    names = _names(server, prefix)
    return [name for name in names if not _is_alive(int(name.split("_")[3]))]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _names(server: psycopg.Connection, prefix: str) -> list[str]:
    query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
    return [name for (name,) in server.execute(query, [prefix]).fetchall()]


def _run(server: psycopg.Connection, command: LiteralString, *names: str) -> None:
    server.execute(sql.SQL(command).format(*map(sql.Identifier, names)))


@contextlib.contextmanager
def _administration() -> Iterator[psycopg.Connection[Any]]:
    parameters = connection.get_connection_params()
    parameters |= {"dbname": "postgres", "options": "-c role=none"}
    with contextlib.closing(connection.get_new_connection(parameters)) as server:
        server.autocommit = True
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield server


def _use(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = name
