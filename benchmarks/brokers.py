"""The brokers that a worker can sit behind, and the worker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from celery import Celery

from config.embedded import valkey
from tests.faults import rabbitmq
from tests.journeys.cast import free_port

STARTS_WITHIN = 60.0  # seconds
PREFORK = ["-P", "prefork", "-c", "2"]
THREADS = ["-P", "threads", "-c", "4"]  # as ``./run``


@dataclass(frozen=True, kw_only=True)
class Broker:
    """Where messages go, and how the worker behind it works.

    Attributes:
        name: Broker and pool, for people.
        pool: Options of the worker.
        sent: Returns how many messages it was given so far; None when it cannot tell.
    """

    name: str
    url: str
    pool: list[str]
    sent: Callable[[], int | None]

    @contextmanager
    def worker(self, application: str) -> Iterator[None]:
        """Run a worker of *application* until it is ready, and end it."""
        celery = [sys.executable, "-m", "celery", "-A", application, "worker"]
        quiet = ["--without-gossip", "--without-mingle", "-l", "ERROR"]
        process = subprocess.Popen(  # noqa: S603 - our own argv
            [*celery, *self.pool, *quiet],
            stdout=subprocess.DEVNULL,
        )
        try:
            with Celery(broker=self.url) as app:
                _until(lambda: bool(app.control.ping(timeout=1)))
            yield
        finally:
            process.terminate()
            process.wait()


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Broker]:
    """Give the broker of this *kind*, empty, and end it."""
    with KINDS[kind](folder) as broker:
        yield broker


@contextmanager
def _valkey_socket(folder: Path) -> Iterator[Broker]:
    with _process(valkey.command(folder)):
        yield Broker(
            name="embedded Valkey, threads",
            url=valkey.url(folder),
            pool=THREADS,
            sent=_pushes(valkey.url(folder)),
        )


@contextmanager
def _valkey_port(_folder: Path) -> Iterator[Broker]:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with _process([str(valkey.binary()), "--port", str(port), "--save", ""]):
        yield Broker(
            name="Valkey over TCP, prefork", url=url, pool=PREFORK, sent=_pushes(url)
        )


@contextmanager
def _rabbitmq(folder: Path) -> Iterator[Broker]:
    if reason := rabbitmq.lacking():
        raise SystemExit(reason)
    server = rabbitmq.RabbitMQ(folder / "rabbitmq")
    with _process(server.command()):
        _until(server.is_ready)
        yield Broker(
            name="RabbitMQ, prefork", url=server.url, pool=PREFORK, sent=lambda: None
        )
    server.stop_name_server()


KINDS = {"embedded": _valkey_socket, "valkey": _valkey_port, "rabbitmq": _rabbitmq}


@contextmanager
def _process(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603 - our own argv
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _pushes(url: str) -> Callable[[], int | None]:
    """Return what counts the pushes to a queue, which is what a message becomes."""

    def pushes() -> int | None:
        with Celery(broker=url).connection_for_read() as link:
            told = link.default_channel.client.info("commandstats")  # type: ignore[attr-defined]
        return int(told.get("cmdstat_lpush", {}).get("calls", 0))

    return pushes


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while not is_so():
        if time.monotonic() > end:
            message = f"nothing within {STARTS_WITHIN:.0f} s"
            raise SystemExit(message)
        time.sleep(0.2)
