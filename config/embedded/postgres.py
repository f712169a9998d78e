"""One PostgreSQL server for one state folder, shared by every process that asks."""

from __future__ import annotations

import atexit
import fcntl
import json
import locale
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from config.embedded import binaries, guardian, places
from config.embedded.errors import EmbeddedError
from eventstore import roles

LOG_BYTES = 5_000_000  # a longer log is begun anew at the next start
SOCKET = ".s.PGSQL.5432.lock"  # the longest name PostgreSQL puts beside its socket
OPTIONS = {
    "listen_addresses": "",  # only the socket: whoever may enter its folder may connect
    "unix_socket_permissions": "0700",
    "dynamic_shared_memory_type": "mmap",  # containers give /dev/shm 64 MB or nothing
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "logging_collector": "off",
    # A failed statement quotes people's data, and so does a broken constraint's detail.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "max_connections": "200",
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server and this process's share in it."""

    socket_folder: Path
    lock: int  # descriptor; children that inherit it keep the server alive, too


def ensure(base: Path, database: str) -> Server:
    """Start the server of *base* unless it runs, and create *database* if missing.

    The first start makes the cluster (about 2 s), a later one takes 0.3 s.  Safe from
    many processes at once.  The server stays until the last of its users has left.

    Makes the roles of ADR-0021, too, and hands them what an earlier version of Annals
    left to the superuser.

    Raises:
        EmbeddedError: There are no binaries, or the server did not start.
    """
    data = base / "pgdata"
    with guardian.gate(base):
        lock = guardian.open_users_lock(base)
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            if not _is_ready_by_now(data):
                _start(base, data)
            server = Server(socket_folder=Path(guardian.pidfile(data)[4]), lock=lock)
            _create_database(server, database)
            _secure(server, database)
        except BaseException:
            os.close(lock)
            raise
    owner = os.getpid()

    @atexit.register
    def leave_once() -> None:
        # A forked child runs its parent's exit functions, but has no share of its own.
        if os.getpid() == owner:
            leave(base, server)

    return server


def leave(base: Path, server: Server) -> None:
    """Give up this process's share; the last to leave stops the server."""
    os.close(server.lock)
    with guardian.gate(base):
        if not guardian.is_used(base):
            guardian.stop_server(base / "pgdata")


def _is_ready_by_now(data: Path) -> bool:
    deadline = time.monotonic() + guardian.START_SECONDS
    while not guardian.is_ready(data):
        if guardian.running_pid(data) is None or time.monotonic() > deadline:
            return False
        time.sleep(guardian.POLL_SECONDS)
    return True


def _start(base: Path, data: Path) -> None:
    account = places.server_account(data)
    version = data / "PG_VERSION"
    found = binaries.find(int(version.read_text()) if version.exists() else None)
    found = binaries.within_reach(found, account)
    if not version.exists():
        _make_cluster(found, data, account)
    socket_folder = places.socket_folder(data, SOCKET, account)
    options = OPTIONS | {"unix_socket_directories": str(socket_folder)}
    settings = [each for name in options for each in ("-c", f"{name}={options[name]}")]
    order = {
        "base": str(base),
        "data": str(data),
        "argv": [str(found.folder / "postgres"), "-D", str(data), *settings],
        "account": account.popen if account else {},
    }
    log = base / "postgres.log"
    too_long = log.exists() and log.stat().st_size > LOG_BYTES
    with log.open("wb" if too_long else "ab") as output:
        started = subprocess.run(  # noqa: S603  # our own argv
            [
                sys.executable,
                "-I",
                guardian.__file__,
                json.dumps(order, ensure_ascii=False),
            ],
            check=False,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            stderr=output,
            stdin=subprocess.DEVNULL,
            stdout=output,
        )
    if started.returncode:
        raise EmbeddedError(_why(log.read_text(errors="replace"), log))


def _make_cluster(
    found: binaries.Binaries, data: Path, account: places.Account | None
) -> None:
    """Run initdb beside *data* and rename: a half-made cluster is never used."""
    draft = data.with_name("pgdata.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if account:
        os.chown(draft, account.uid, account.gid)
    made = subprocess.run(  # noqa: S603  # our own argv
        [found.folder / "initdb", "-D", draft, *_initdb_options(found.major)],
        capture_output=True,
        check=False,
        cwd="/",
        env=_environment(),
        text=True,
        **(account.popen if account else {}),
    )
    if made.returncode:
        raise EmbeddedError(_why(made.stderr, data))
    os.sync()
    draft.rename(data)


def _initdb_options(major: int) -> list[str]:
    options = ["-U", "postgres", "-E", "UTF8", "--auth=trust", "--data-checksums"]
    options += ["--no-sync", "--no-instructions", "--no-locale"]
    # Bytewise order everywhere, but letters beyond ASCII still fold: no operating
    # system upgrade can corrupt an index, and "É" still matches "é".
    if ctype := _utf8_ctype():
        options.append(f"--lc-ctype={ctype}")
    if major >= 17:  # noqa: PLR2004  # the first with a provider of its own
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return options


def _utf8_ctype() -> str | None:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "C.utf8", "en_US.UTF-8"):
            try:
                return locale.setlocale(locale.LC_CTYPE, name)
            except locale.Error:
                continue
        return None
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _environment() -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "LANG" and not name.startswith(("PG", "LC_"))
    }
    return inherited | {"LC_ALL": "C", "TZ": "UTC"}


def _why(output: str, place: Path) -> str:
    complaints = [
        line.partition("FATAL:")[2] or line.partition("error:")[2]
        for line in output.splitlines()
        if "FATAL:" in line or "error:" in line
    ]
    reason = complaints[-1].strip() if complaints else "it gave no reason"
    return f"PostgreSQL did not start: {reason} (see {place}), or set DATABASE_URL."


def _create_database(server: Server, name: str) -> None:
    with psycopg.connect(
        host=str(server.socket_folder), user="postgres", dbname="postgres"
    ) as connection:
        connection.autocommit = True
        known = "SELECT 1 FROM pg_database WHERE datname = %s"
        if not connection.execute(known, [name]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
            )


def _secure(server: Server, name: str) -> None:
    with (
        psycopg.connect(
            host=str(server.socket_folder), user="postgres", dbname=name
        ) as connection,
        connection.cursor() as cursor,
    ):
        roles.secure(cursor)
