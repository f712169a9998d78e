"""``python -m benchmarks.latency [--seconds S]``: from a command to the read model.

A real worker behind real brokers.  Latency runs from the call of a command until its
user can be read on another connection, which looks every 2 ms.  Beside it the talk's
own way: an INSERT, and a ``.delay()`` for each event.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import quote
from uuid import UUID, uuid4

import django
import psycopg

from benchmarks import brokers
from benchmarks.brokers import Broker
from benchmarks.server import Server
from config.embedded.environment import prepare

RATES = (1, 100, 1000)  # commands a second
AT_ONCE = 20  # commands of one call, where single calls cannot be quick enough
LOOK_SECONDS = 0.002
LOOKED_FOR = 200  # users of one look, oldest first
PATIENCE = 60.0  # seconds until the last row is there
HEAD = """\
| broker, pool | contestant | wanted/s | reached/s | p50 ms | p99 ms | most ms | messages/s |
|---|---|--:|--:|--:|--:|--:|--:|"""  # noqa: E501


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Who carries commands out, and where to see what came of them.

    Attributes:
        application: The worker's, for ``celery -A``.
        create: Creates users with these ids.
        table: Has a ``user_id`` for whoever can be read.
    """

    name: str
    application: str
    create: Callable[[list[UUID]], None]
    table: str


class Watcher(threading.Thread):
    """Notes how long it took until each user could be read."""

    def __init__(self, conninfo: str, table: str) -> None:
        super().__init__(daemon=True)
        self.waiting: dict[UUID, float] = {}
        self.taken: list[float] = []
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._look_for = f"SELECT user_id FROM {table} WHERE user_id = ANY(%s)"
        self._ends = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._ends.wait(LOOK_SECONDS):
            wanted = list(self.waiting)[:LOOKED_FOR]
            found = self._connection.execute(self._look_for, [wanted]).fetchall()
            now = time.monotonic()
            self.taken += [now - self.waiting.pop(user_id) for (user_id,) in found]

    def stop(self) -> None:
        """End the thread and its connection."""
        self._ends.set()
        self.join()
        self._connection.close()


def main() -> None:
    """Measure every broker, contestant and rate, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency")
    parser.add_argument("--seconds", type=float, default=10)
    seconds = parser.parse_args().seconds
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with tempfile.TemporaryDirectory(prefix="annals-") as folder:
        print(HEAD, flush=True)
        for kind in brokers.KINDS:
            pid = os.fork()  # Celery keeps the first broker that it met
            if not pid:
                _measure(kind, Path(folder), seconds)
                os._exit(0)
            if os.waitpid(pid, 0)[1]:
                message = f"{kind} failed"
                raise SystemExit(message)


def _measure(kind: str, folder: Path, seconds: float) -> None:
    with brokers.running(kind, folder) as broker:
        os.environ["CELERY_BROKER_URL"] = broker.url
        os.environ["EMAIL_URL"] = "dummymail://"  # another's speed is not measured
        prepare()
        django.setup()
        from benchmarks import server  # noqa: PLC0415 - Django must be set up

        with server.running() as running:
            os.environ["DATABASE_URL"] = _url()
            for contestant in _contestants(running):
                with broker.worker(contestant.application):
                    for rate in RATES:
                        print(_race(running, broker, contestant, rate, seconds))
                        sys.stdout.flush()


def _url() -> str:
    from django.db import connection  # noqa: PLC0415 - Django must be set up

    known = connection.settings_dict
    return f"postgresql://postgres@{quote(known['HOST'], safe='')}/{known['NAME']}"


def _contestants(running: Server) -> Iterator[Contestant]:
    from benchmarks.contestants import delay  # noqa: PLC0415 - wants its environment

    yield Contestant(
        name="Annals",
        application="config",
        create=_commands,
        table="projections_directoryentry",
    )
    running.query(delay.TABLES)
    yield Contestant(
        name="the talk's `.delay()` an event",
        application="benchmarks.contestants.delay",
        create=delay.create,
        table="talk_users",
    )


def _commands(user_ids: list[UUID]) -> None:
    """Carry out a command for each user, many in one transaction."""
    from eventstore.events import Metadata  # noqa: PLC0415 - Django must be set up
    from users import bulk, services  # noqa: PLC0415
    from users.commands import CreateUser  # noqa: PLC0415

    known = Metadata(actor="client:bench", source="rest", correlation_id=uuid4())
    commands = [
        CreateUser(user_id=each, name="Ada Lovelace", email=f"{each}@example.com")
        for each in user_ids
    ]
    if len(commands) == 1:
        services.execute(commands[0], known)
        return
    wanted = [bulk.Wanted(command=each, metadata=known) for each in commands]
    for result in bulk.execute_each(wanted):
        if isinstance(result, Exception):
            raise result


def _wait(watcher: Watcher) -> None:
    end = time.monotonic() + PATIENCE
    while watcher.waiting and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    if watcher.waiting:
        message = f"{len(watcher.waiting):,} users cannot be read: a wrong answer"
        raise SystemExit(message)


def _race(
    running: Server, broker: Broker, contestant: Contestant, rate: int, seconds: float
) -> str:
    watcher = Watcher(running.conninfo, contestant.table)
    watcher.start()
    _create(watcher, contestant, rate=max(rate // 10, 1), seconds=1)  # warm-up
    _wait(watcher)
    watcher.taken.clear()
    before, start = broker.sent(), time.monotonic()
    count = _create(watcher, contestant, rate=rate, seconds=seconds)
    taken = time.monotonic() - start
    after = broker.sent()
    _wait(watcher)
    watcher.stop()
    messages = (
        "" if before is None or after is None else f"{(after - before) / taken:,.0f}"
    )
    cuts = quantiles(watcher.taken, n=100, method="inclusive")
    figures = [cuts[49], cuts[98], max(watcher.taken)]
    told = " | ".join(f"{each * 1000:,.0f}" for each in figures)
    return (
        f"| {broker.name} | {contestant.name} | {rate:,} | {count / taken:,.0f}"
        f" | {told} | {messages} |"
    )


def _create(
    watcher: Watcher, contestant: Contestant, *, rate: int, seconds: float
) -> int:
    """Create users evenly, *rate* a second, and return how many; late ones count."""
    size = 1 if rate < AT_ONCE * 10 else AT_ONCE
    count, start = 0, time.monotonic()
    while count < rate * seconds:
        due = start + count / rate
        time.sleep(max(due - time.monotonic(), 0))
        if time.monotonic() > start + 2 * seconds:
            break  # it cannot be that quick
        ids = [uuid4() for _ in range(size)]
        now = time.monotonic()
        watcher.waiting |= dict.fromkeys(ids, now)
        contestant.create(ids)
        count += size
    return count


if __name__ == "__main__":
    main()
