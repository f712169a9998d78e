"""Wake the workers: "there is something to read".  May fail harmlessly (ADR-0005).

A thread of its own rings, so a request never waits for the broker: under load many
rings become one, and while the broker is gone the thread waits longer between tries.
Whatever is lost here is found by the sweep.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time

from celery import Celery, current_app
from django.db import transaction

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.05  # at most 20 rings a second leave one process
BROKEN_SECONDS = 1.0  # between tries while the broker does not answer
FAREWELL_SECONDS = 0.5  # how long a leaving process waits for its last ring
EXPIRES_SECONDS = 60  # a hint older than this says nothing the sweep did not


class Doorbell:
    """One process's bell; the thread starts with the first ring after a fork."""

    def __init__(self, app: Celery | None = None) -> None:
        self._app = app
        self._wanted = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._process_id = 0
        self._lock = threading.Lock()
        self.rung = 0
        self.failed = 0

    def ring(self) -> None:
        """Ask for a ring soon.  Never blocks, never raises."""
        self._idle.clear()
        self._wanted.set()
        if self._process_id != os.getpid():
            self._start()

    def wait_until_quiet(self, seconds: float) -> bool:
        """Wait until every ring asked for has left or failed, at most *seconds*."""
        return self._idle.wait(seconds)

    def _start(self) -> None:
        with self._lock:
            if self._process_id == os.getpid():
                return
            self._process_id = os.getpid()
            threading.Thread(target=self._run, name="doorbell", daemon=True).start()
            atexit.register(self.wait_until_quiet, FAREWELL_SECONDS)

    def begin_anew(self) -> None:
        """Forget the parent's thread and whatever it held at the moment of the fork."""
        self._wanted, self._idle = threading.Event(), threading.Event()
        self._idle.set()
        self._lock = threading.Lock()
        self._process_id = 0

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            pause = INTERVAL_SECONDS if self._publish() else BROKEN_SECONDS
            if not self._wanted.is_set():
                self._idle.set()
            time.sleep(pause)

    def _publish(self) -> bool:
        try:
            (self._app or current_app).send_task(
                "eventstore.wake",
                retry_policy={"max_retries": 0},
                expires=EXPIRES_SECONDS,
            )
        # The bell must survive anything: the log is safe whatever happens here.
        except Exception as error:  # noqa: BLE001
            self.failed += 1
            logger.warning(
                "doorbell not rung",
                extra={"error": type(error).__name__, "failed": self.failed},
            )
            return False
        self.rung += 1
        return True


doorbell = Doorbell()
os.register_at_fork(after_in_child=doorbell.begin_anew)


def ring_after_commit() -> None:
    """Ring once the current transaction commits; at once outside of one."""
    transaction.on_commit(doorbell.ring, robust=True)
