"""``manage.py up``: web, feed, worker, beat and their services in one terminal."""

from __future__ import annotations

import fcntl
import http.client
import io
import os
import socket
import sys
import threading
import time
from argparse import ArgumentTypeError, BooleanOptionalAction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError

from config import welcome
from config.children import Program
from config.embedded import valkey
from config.embedded.environment import services
from config.supervisor import Supervisor

if TYPE_CHECKING:
    from argparse import ArgumentParser

HOST = "127.0.0.1"
MAX_PORT = 65_535
ASK_SECONDS = 0.2  # between two questions whether the web answers
GREEN, MAGENTA, CYAN, BLUE, WHITE = 32, 35, 36, 34, 37


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= MAX_PORT:
        return int(text)
    message = f"a port is a number from 1 to {MAX_PORT}"
    raise ArgumentTypeError(message)


class Command(BaseCommand):
    """Run the whole of Annals until Ctrl-C."""

    help = "Run web, feed, worker, beat and the embedded services until Ctrl-C."
    requires_system_checks = ()  # some ask a database that is migrated below

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=_port, default=8000)
        parser.add_argument(
            "--feed-port", type=_port, help="of the event stream (default: --port + 1)"
        )
        parser.add_argument(
            "--stop-timeout",
            type=float,
            default=30,
            metavar="SECONDS",
            help="how long a stopping process may take to finish its work",
        )
        parser.add_argument(
            "--demo",
            action=BooleanOptionalAction,
            help="load the demonstration (default: with the embedded database)",
        )

    def handle(
        self, *_args: object, port: int, stop_timeout: float, **options: Any
    ) -> None:
        """Run until told to stop; exit with 1 if something keeps failing."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # the frame, on an old terminal
        os.chdir(settings.BASE_DIR)
        feed_port = options["feed_port"] or port + 1
        _refuse_a_taken(port, "--port")
        _refuse_a_taken(feed_port, "--feed-port")
        os.environ.setdefault("FEED_URL", f"http://localhost:{feed_port}")
        inherited = _shares()
        is_embedded = services().database is not None
        wants_demo = is_embedded if options["demo"] is None else options["demo"]
        supervisor = Supervisor(
            _programs(port, feed_port),
            stop_seconds=stop_timeout,
            inherited=inherited,
            prepare=lambda: self._prepare(port, wants_demo=wants_demo),
        )
        if code := supervisor.run():
            sys.exit(code)

    def _prepare(self, port: int, *, wants_demo: bool) -> None:
        self.stdout.write("Preparing the database …")
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            message = f"The database of DATABASE_URL does not answer: {reason}"
            raise CommandError(message) from error
        # Web, worker and beat never learn how to become the owner of the log.
        os.environ.pop("MIGRATE_DATABASE_URL", None)
        call_command("collectstatic", interactive=False, verbosity=0)
        if wants_demo:
            call_command("load_demonstration")
        state = services().database_state
        access = welcome.open_access(state) if state else None
        greeting = welcome.greeting(f"http://localhost:{port}/", access)
        self.stdout.write("Starting …")
        threading.Thread(target=self._greet, args=(port, greeting), daemon=True).start()

    def _greet(self, port: int, greeting: str) -> None:
        while not _answers(port):
            time.sleep(ASK_SECONDS)
        self.stdout.write(greeting)
        self.stdout.flush()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("HEAD", "/", headers={"Host": "localhost"})
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _refuse_a_taken(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            message = (
                f"Cannot listen on port {port} ({error.strerror}): "
                f"try {option} {port + 1}."
            )
            raise CommandError(message) from error


def _shares() -> list[int]:
    """Return what the children hold together with us, and keep after a kill -9.

    A share in the database, which so outlives its last user; and the right to be the
    only `up` of this folder, lest a new broker meet the old one's files.
    """
    arranged = services()
    shares = [arranged.database.lock] if arranged.database else []
    if arranged.broker_state:
        lock = os.open(arranged.broker_state / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = "Annals already runs from this folder, or is still stopping."
            raise CommandError(message) from error
        shares.append(lock)
    return shares


def _programs(port: int, feed_port: int) -> list[Program]:
    state = services().broker_state
    # Celery warns root at each start; in a container there is nobody else to be.
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser"]
    celery = [*python, "-m", "celery", "--quiet", "-A", "config"]
    # Threads: small, and content with a container's tiny /dev/shm.
    pool = ["--pool", "threads"] if state else ["--pool", "prefork"]
    worker = ["worker", *pool, "--concurrency", "4", "--loglevel", "WARNING"]
    return [
        *([_broker(state)] if state else []),
        Program(name="web", command=_gunicorn(port), colour=GREEN),
        Program(name="feed", command=_uvicorn(feed_port), colour=WHITE),
        Program(
            name="worker",
            command=[*celery, *worker, "--without-gossip", "--without-mingle"],
            colour=CYAN,
            hushed=("Warm shutdown",),
        ),
        Program(
            name="beat",
            command=[*celery, "beat", "--loglevel", "WARNING"],
            colour=MAGENTA,
        ),
    ]


def _gunicorn(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "config.wsgi"),
        *("--bind", f"{HOST}:{port}", "--worker-class", "gthread"),
        *("--workers", "1", "--threads", "8", "--graceful-timeout", "10"),
        *("--no-control-socket", "--log-level", "warning"),
    ]


def _uvicorn(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", "config.asgi:application"),
        *("--host", HOST, "--port", str(port), "--timeout-graceful-shutdown", "6"),
        *("--lifespan", "on", "--no-access-log", "--log-level", "warning"),
    ]


def _broker(state: Path) -> Program:
    path = valkey.socket_path(state)

    def is_up() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(path)) == 0

    return Program(
        name="broker",
        command=valkey.command(state),
        colour=BLUE,
        is_service=True,
        is_up=is_up,
        hushed=("Memory overcommit", "SIGTERM scheduling shutdown", "ready to exit"),
    )
