"""The faults, one function each: it strikes once, and leaves the rest to the system."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.db import connection, transaction

from config.subscriptions import SUBSCRIPTIONS
from eventstore import checkpoints, dead_letters, store
from eventstore.circumstances import acting
from eventstore.models import DeadLetter
from tests.factories import known_user
from tests.faults import rabbitmq
from tests.faults.installation import PATIENCE, head
from tests.faults.invariants import Case, superuser
from tests.processes import wait_until

FEW, SOME = 100, 300  # commands accepted while a fault lasts
CHANCE = random.Random(1)  # noqa: S311 - not for secrets
OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
TABLE = "projections_directoryentry"
REFUSING = f"""
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE disk_full;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {TABLE}
FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table.

    Attributes:
        name: Stands in the report.
        strike: Injects it once, and returns when it is over.
        what: What is injected, in words.
        times: How often, in the long form.
        short: The same in the short form.
        interrupts: Whether it may stop a worker between an effect and its row.
        lacks: Says why it cannot be tried on this machine; empty when it can.
    """

    name: str
    strike: Callable[[Case], None]
    what: str
    times: int = 1
    short: int = 1
    interrupts: bool = False
    lacks: Callable[[], str] = str


def during(case: Case, commands: int) -> None:
    """Go on when so many more commands were accepted; a short form waits for fewer."""
    accepted = case.load.accepted
    least = len(accepted) + commands // case.haste
    wait_until(lambda: len(accepted) >= least, PATIENCE)


def web_killed(case: Case) -> None:
    during(case, FEW // 5)
    case.crew.trap.touch()
    wait_until(lambda: not case.crew.is_running("web"), PATIENCE)
    case.crew.trap.unlink()
    case.crew.restart("web")


def worker_killed(case: Case) -> None:
    name = CHANCE.choice(["worker", "second"])
    threading.Event().wait(CHANCE.random())
    case.crew.kill(name)
    before = len(case.crew.log(name))
    case.crew.start(name)
    case.crew.wait_for_worker(name, after=before)


def child_killed(case: Case) -> None:
    threading.Event().wait(CHANCE.random())
    os.kill(CHANCE.choice(case.crew.children("second")), signal.SIGKILL)


def broker_emptied(case: Case) -> None:
    case.crew.kill("broker")
    case.crew.empty_broker()
    during(case, FEW)
    case.crew.start("broker")


def database_stopped_fast(case: Case) -> None:
    during(case, FEW)
    connection.close()
    case.crew.signal_database(signal.SIGINT)


def database_stopped_at_once(case: Case) -> None:
    during(case, FEW)
    connection.close()
    case.crew.signal_database(signal.SIGQUIT)


def connections_ended(case: Case) -> None:
    during(case, FEW)
    superuser(OTHERS)


def delivered_ten_times(case: Case) -> None:
    before = caught_up(case)
    for _ in range(10):
        for each in SUBSCRIPTIONS:
            case.crew.send("eventstore.catch_up", each.name)
    during(case, FEW)
    wait_until(lambda: caught_up(case) - before >= 10 * len(SUBSCRIPTIONS), PATIENCE)


def caught_up(case: Case) -> int:
    """Return how many such tasks the workers have taken."""
    logs = [case.crew.log(name) for name in ("worker", "second")]
    return sum(log.count("Task eventstore.catch_up[") for log in logs)


def beaten_twice(case: Case) -> None:
    case.crew.start_beat("second beat")
    during(case, SOME)
    case.crew.kill("second beat")


def transaction_left_open(case: Case) -> None:
    with transaction.atomic():
        known_user()
        mine = head()
        during(case, FEW)
        assert head() > mine
        assert store.watermark() < mine


def poisoned(case: Case) -> None:
    user_id = uuid4()
    refused = "CHECK (name <> 'Poison') NOT VALID"  # those before stay
    superuser(f"ALTER TABLE {TABLE} ADD CONSTRAINT no_poison {refused}")
    body = {"id": str(user_id), "name": "Poison", "email": f"{user_id}@example.com"}
    assert case.load.send("/api/v1/users", body)
    letters = DeadLetter.objects.filter(subscription="directory", closed_at=None)
    wait_until(letters.exists, PATIENCE)
    mark = head()
    wait_until(lambda: case.crew.is_at(mark), PATIENCE)  # everybody else's
    assert letters.get().stream == f"user-{user_id}"
    superuser(f"ALTER TABLE {TABLE} DROP CONSTRAINT no_poison")
    with acting(actor="staff:ada", source="admin", correlation_id=uuid4()):
        dead_letters.retry_group(letters.get().fingerprint)
    wait_until(lambda: not letters.exists(), PATIENCE)


def clocks_moved(case: Case) -> None:
    case.crew.clocks = {"worker": "+1h", "second": "-1h", "web": "+1h"}
    case.crew.mails.taken = "451 later"  # so that what is tried is tried again, when?
    case.crew.restart(*case.crew.clocks)
    during(case, SOME)
    names, case.crew.clocks = tuple(case.crew.clocks), {}
    case.crew.mails.taken = "250 fine"
    case.crew.restart(*names)


def _lacks_faketime() -> str:
    return "" if shutil.which("faketime") else "faketime is not installed"


def disk_filled(case: Case) -> None:
    with _full_disk(case) if os.geteuid() == 0 else _refusing_table():
        wait_until(lambda: checkpoints.reached()["directory"].error, PATIENCE)
        assert not DeadLetter.objects.filter(closed_at=None).exists()


@contextlib.contextmanager
def _full_disk(case: Case) -> Iterator[None]:
    owner = case.crew.data.stat()
    with tempfile.TemporaryDirectory(prefix="annals-disk-") as place:
        _call("mount", "-t", "tmpfs", "-o", "size=32m", "annals", place)
        try:
            os.chown(place, owner.st_uid, owner.st_gid)
            superuser(f"CREATE TABLESPACE small LOCATION '{place}'")
            superuser(f"ALTER TABLE {TABLE} SET TABLESPACE small")
            _fill(Path(place, "filler"))
            yield
            Path(place, "filler").unlink()
            superuser(f"ALTER TABLE {TABLE} SET TABLESPACE pg_default")
            superuser("DROP TABLESPACE small")
        finally:
            _call("umount", "-l", place)


@contextlib.contextmanager
def _refusing_table() -> Iterator[None]:
    """Do as a full disk does, for want of the right to mount a small one."""
    superuser(REFUSING)
    yield
    superuser(f"DROP TRIGGER refuse ON {TABLE}")
    superuser("DROP FUNCTION refuse")


def _call(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603  # our own argv


def _fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as output:
        while output.write(bytes(4096)):
            pass


def broker_exchanged(case: Case) -> None:
    case.crew.use_rabbitmq()


FAULTS: tuple[Fault, ...] = (
    Fault(
        name="Web killed before it rings",
        strike=web_killed,
        what="kill -9 of the web between a commit and its doorbell",
        times=4,
        short=1,
    ),
    Fault(
        name="Worker killed",
        strike=worker_killed,
        what="kill -9 of one of two workers and its children, at a random instant",
        times=15,
        short=1,
        interrupts=True,
    ),
    Fault(
        name="Worker's process killed",
        strike=child_killed,
        what="kill -9 of a process that a worker forked to do the work, at a random"
        " instant",
        times=85,
        short=4,
        interrupts=True,
    ),
    Fault(
        name="Valkey emptied",
        strike=broker_emptied,
        what="kill -9 of the broker, all its files removed, 100 commands later begun",
        times=3,
    ),
    Fault(
        name="PostgreSQL restarted, fast",
        strike=database_stopped_fast,
        what="fast shutdown of the server; its guardian starts it again",
        times=5,
        interrupts=True,
    ),
    Fault(
        name="PostgreSQL restarted, immediate",
        strike=database_stopped_at_once,
        what="immediate shutdown, so that the server recovers from its log",
        times=5,
        interrupts=True,
    ),
    Fault(
        name="Connections ended",
        strike=connections_ended,
        what="pg_terminate_backend for every session but one",
        times=5,
        interrupts=True,
    ),
    Fault(
        name="Delivered ten times",
        strike=delivered_ten_times,
        what="the task of every subscription, ten times at once",
        times=3,
    ),
    Fault(
        name="Two beats",
        strike=beaten_twice,
        what="a second beat for the time of 300 commands",
    ),
    Fault(
        name="Transaction left open",
        strike=transaction_left_open,
        what="an append not committed for the time of 100 commands",
        times=3,
    ),
    Fault(
        name="Poison event",
        strike=poisoned,
        what="a user whom the directory's table refuses, then is mended to take",
        times=3,
    ),
    Fault(
        name="Clocks moved",
        strike=clocks_moved,
        what="web and one worker an hour fast, the other an hour slow, and a mail"
        " server that wants everything later; then all set right",
        interrupts=True,
        lacks=_lacks_faketime,
    ),
    Fault(
        name="Disk of the read side full",
        strike=disk_filled,
        what="the directory's tablespace filled to its last page, then freed (without"
        " root: a trigger that raises the same error)",
    ),
    Fault(
        name="Broker exchanged",
        strike=broker_exchanged,
        what="all processes killed, and started again on RabbitMQ",
        interrupts=True,
        lacks=rabbitmq.lacking,
    ),
    Fault(
        name="RabbitMQ emptied",
        strike=broker_emptied,
        what="kill -9 of the broker, all its files removed, 100 commands later begun",
        times=3,
        lacks=rabbitmq.lacking,
    ),
    Fault(
        name="Delivered ten times by RabbitMQ",
        strike=delivered_ten_times,
        what="the task of every subscription, ten times at once",
        times=3,
        lacks=rabbitmq.lacking,
    ),
    Fault(
        name="Worker killed, on RabbitMQ",
        strike=worker_killed,
        what="as above",
        times=3,
        interrupts=True,
        lacks=rabbitmq.lacking,
    ),
)
