from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from celery import Celery
from django.db import transaction

from config.celery import app
from eventstore import doorbell as module
from eventstore.doorbell import Doorbell
from eventstore.tasks import sweep
from tests.factories import appended

PATIENCE = 10  # seconds; a test that waits so long has failed


def delivered() -> int:
    """Count and take the messages that lie in the in-memory broker."""
    count = 0
    with app.connection_for_read() as broker:
        queue = broker.SimpleQueue("celery")
        while queue.qsize():
            queue.get_nowait().ack()
            count += 1
    return count


@pytest.fixture(autouse=True)
def empty_queue() -> Iterator[None]:
    module.doorbell.wait_until_quiet(PATIENCE)
    delivered()
    yield
    module.doorbell.wait_until_quiet(PATIENCE)


def test_one_ring_is_one_message() -> None:
    bell = Doorbell()
    bell.ring()
    assert bell.wait_until_quiet(PATIENCE)
    assert (bell.rung, delivered()) == (1, 1)


def test_many_rings_become_few() -> None:
    bell = Doorbell()
    for _ in range(10_000):
        bell.ring()
    assert bell.wait_until_quiet(PATIENCE)
    assert 1 <= bell.rung <= 20


def test_a_ring_while_the_bell_is_ringing_is_not_forgotten() -> None:
    bell = Doorbell()
    bell.ring()
    while not bell.rung:
        os.sched_yield()
    bell.ring()
    assert bell.wait_until_quiet(PATIENCE)
    assert bell.rung == 2


def test_a_broker_that_refuses_is_counted_and_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BROKEN_SECONDS", 0.01)
    bell = Doorbell(other_broker("redis://127.0.0.1:1/0"))
    started = time.monotonic()
    bell.ring()
    in_the_request = time.monotonic() - started
    assert bell.wait_until_quiet(PATIENCE)
    assert (bell.rung, bell.failed) == (0, 1)
    assert in_the_request < PATIENCE / 10
    assert [record.message for record in caplog.records] == ["doorbell not rung"]


def test_a_broker_that_says_nothing_holds_up_no_ring() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        bell = Doorbell(other_broker(f"redis://127.0.0.1:{port}/0"))
        started = time.monotonic()
        for _ in range(1_000):
            bell.ring()
        in_the_requests = time.monotonic() - started
        assert bell.wait_until_quiet(PATIENCE)
    assert bell.failed >= 1
    assert in_the_requests < PATIENCE / 10


@pytest.mark.usefixtures("committed_db")
def test_rings_after_the_commit_and_not_after_a_rollback() -> None:
    with transaction.atomic():
        appended("user-1")
        transaction.set_rollback(True)
    assert delivered() == 0
    appended("user-1")
    module.doorbell.wait_until_quiet(PATIENCE)
    assert delivered() == 1


@pytest.mark.usefixtures("committed_db")
def test_the_sweep_rings() -> None:
    sweep()
    module.doorbell.wait_until_quiet(PATIENCE)
    assert delivered() == 1


def test_a_forked_child_has_a_bell_of_its_own() -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", FORK], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (0, "rang\n")


# A process of its own: this one has threads, and a fork would inherit their locks.
FORK = """
import os
import tests.settings
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from eventstore.doorbell import doorbell
doorbell.ring()
assert doorbell.wait_until_quiet(10)
doorbell._lock.acquire()
if os.fork() == 0:
    before = doorbell.rung
    doorbell.ring()
    assert doorbell.wait_until_quiet(10)
    print("rang" if doorbell.rung == before + 1 else "silent", flush=True)
    os._exit(0)
os.wait()
os._exit(0)
"""


def other_broker(url: str) -> Celery:
    other = Celery("elsewhere", set_as_current=False)
    other.conf.update(
        broker_write_url=url,  # CELERY_BROKER_URL would win over the plain name
        broker_connection_timeout=app.conf.broker_connection_timeout,
        broker_transport_options={"socket_connect_timeout": 1, "socket_timeout": 1},
    )
    return other
