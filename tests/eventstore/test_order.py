"""The adversarial order test: hostile writers, tailing readers, nothing lost.

ANNALS_ORDER_SECONDS sets how long the writers go on (3 by default; ``make
order-test-long`` gives them minutes).  The seed is printed, so a failing run can be
looked into.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, connection, transaction

from eventstore import store
from eventstore.errors import ConcurrencyError
from eventstore.events import RecordedEvent
from eventstore.models import StoredEvent
from tests.databases import cloned
from tests.factories import appended, renamed

SECONDS = float(os.environ.get("ANNALS_ORDER_SECONDS", "3"))
WRITERS = 8
READERS = 3
STREAMS = [f"user-{number}" for number in range(12)]
EVERY_BUCKET = range(16)


class Hostility:
    """Writers that do everything a transaction can do badly, until told to stop."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.stopped = threading.Event()
        self.heads: dict[str, int] = defaultdict(int)

    def write(self, number: int) -> None:
        chance = random.Random(self.seed + number)  # noqa: S311 - not for secrets
        while not self.stopped.is_set():
            trick = chance.choice(
                [self.plain, self.slow, self.undone, self.savepoint, self.twice]
            )
            try:
                trick(chance)
            except (ConcurrencyError, DatabaseError, InterfaceError):
                connection.close()
        connection.close()

    def plain(self, chance: random.Random) -> None:
        self._append(chance)

    def slow(self, chance: random.Random) -> None:
        with transaction.atomic():
            self._append(chance)
            self._linger(chance)

    def undone(self, chance: random.Random) -> None:
        with transaction.atomic():
            self._append(chance)
            self._linger(chance)
            transaction.set_rollback(True)

    def savepoint(self, chance: random.Random) -> None:
        with transaction.atomic():
            with transaction.atomic():
                self._append(chance)
                transaction.set_rollback(True)
            self._linger(chance)
            self._append(chance)

    def twice(self, chance: random.Random) -> None:
        with transaction.atomic():
            self._append(chance)
            self._linger(chance)
            self._append(chance)

    def _append(self, chance: random.Random) -> None:
        stream = chance.choice(STREAMS)
        read = store.read_stream(stream)
        events = [renamed(new=str(n)) for n in range(chance.randint(1, 3))]
        appended(stream, *events, expected_version=len(read))

    def _linger(self, chance: random.Random) -> None:
        # The hostile part is the time between drawing a position and committing it.
        self.stopped.wait(chance.uniform(0, 0.03))

    def kill(self, number: int) -> None:
        """Terminate a random backend of this database now and then."""
        chance = random.Random(self.seed - number)  # noqa: S311 - not for secrets
        while not self.stopped.wait(chance.uniform(0.1, 0.3)):
            with connection.cursor() as cursor:
                cursor.execute("SET ROLE none")
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    " AND query LIKE '%%append_events%%' ORDER BY random() LIMIT 1"
                )
        connection.close()


class Tail:
    """A reader that remembers one position and trusts the watermark."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.position = 0
        self.read: list[tuple[int, str, int]] = []
        self.finish = threading.Event()

    def follow(self) -> None:
        while True:
            last_round = self.finish.is_set()
            try:
                self._catch_up()
            except (DatabaseError, InterfaceError):
                connection.close()
                continue
            if last_round:
                break
            self.finish.wait(self.patience)
        connection.close()

    def _catch_up(self) -> None:
        mark = store.watermark()
        while True:
            events = self._page(mark)
            self.read += [(e.position, e.stream, e.version) for e in events]
            if not events:
                self.position = max(self.position, mark)
                return
            self.position = events[-1].position

    def _page(self, mark: int) -> list[RecordedEvent]:
        found = store.read_all(
            after=self.position, until=mark, buckets=EVERY_BUCKET, limit=100
        )
        return [event for _bucket, event in found]


@contextmanager
def running(*work: Callable[[], None]) -> Iterator[None]:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


@contextmanager
def a_long_transaction_elsewhere() -> Iterator[None]:
    parameters = connection.get_connection_params() | {"dbname": "postgres"}
    with psycopg.connect(
        host=parameters.get("host", ""), user=parameters["user"], dbname="postgres"
    ) as elsewhere:
        elsewhere.execute("CREATE TEMPORARY TABLE held (n int)")
        elsewhere.execute("INSERT INTO held VALUES (1)")
        # Another Annals on the same server, in the middle of its first append.
        elsewhere.execute("SELECT pg_advisory_xact_lock_shared(16718::bigint << 48)")
        yield
        elsewhere.rollback()


def stored() -> list[tuple[int, str, int]]:
    return list(
        StoredEvent.objects.order_by("position").values_list(
            "position", "stream", "version"
        )
    )


def streams_out_of_order(read: list[tuple[int, str, int]]) -> list[tuple[str, int]]:
    heads: dict[str, int] = defaultdict(int)
    wrong = []
    for _position, stream, version in read:
        if version != heads[stream] + 1:
            wrong.append((stream, version))
        heads[stream] = version
    return wrong


@pytest.mark.usefixtures("committed_db")
def test_every_reader_sees_every_event_once_and_each_stream_in_order() -> None:
    seed = int(os.environ.get("ANNALS_ORDER_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    hostility = Hostility(seed)
    tails = [Tail(patience) for patience in (0, 0.005, 0.05)[:READERS]]
    writers = [lambda n=n: hostility.write(n) for n in range(WRITERS)]
    with a_long_transaction_elsewhere(), running(*(tail.follow for tail in tails)):
        with running(*writers, lambda: hostility.kill(1)):
            hostility.stopped.wait(SECONDS)
            hostility.stopped.set()
        for tail in tails:
            tail.finish.set()
    truth = stored()
    assert len(truth) > 50 * SECONDS
    assert streams_out_of_order(truth) == []
    for tail in tails:
        assert tail.read == truth


@pytest.mark.usefixtures("committed_db")
def test_the_watermark_stands_below_an_open_append_and_passes_a_dead_one() -> None:
    appended("user-1")
    first = store.watermark()
    drawn, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            appended("user-2")
            drawn.set()
            release.wait()
            transaction.set_rollback(True)
        connection.close()

    with running(hold):
        drawn.wait()
        later = appended("user-3").position
        while_open = store.watermark()
        release.set()
    assert later > first + 1
    assert (while_open, store.watermark()) == (first, later)


@pytest.mark.usefixtures("committed_db")
def test_reads_on_after_a_dump_and_restore() -> None:
    for stream in STREAMS:
        appended(stream)
        appended(stream, renamed(), expected_version=1)
    before = stored()
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM events_position_seq")
        last = cursor.fetchone()[0]
    rows = _dumped()
    with cloned():
        _restore(rows, last)
        tail = Tail(0)
        tail.finish.set()
        tail.follow()
        assert tail.read == before
        assert appended("user-new").position == last + 1
        assert store.watermark() == last + 1


def _dumped() -> bytes:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY events TO STDOUT (FORMAT binary)") as copy,
    ):
        return b"".join(bytes(block) for block in copy)


def _restore(rows: bytes, last: int) -> None:
    # Every row now has the transaction id of the restore: what xid-based orders lose.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE none")
        with cursor.copy("COPY events FROM STDIN (FORMAT binary)") as copy:
            copy.write(rows)
        cursor.execute("SELECT setval('events_position_seq', %s)", [last])
