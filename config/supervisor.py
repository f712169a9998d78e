"""Several programs in one terminal: start, show, restart and stop them together.

Rules (docs/adr): every child has a session of its own, so the terminal's Ctrl-C reaches
only us; only its leader is told to stop, since the signal would kill a pool's working
children; services start before their users and stop after them.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from config.children import Child, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

LOOK_SECONDS = 0.1  # between two looks at the children
FAILURES = 3  # that many ...
FAILURE_SECONDS = 60  # ... within this: give up
RESTART_SECONDS = 0.3  # pause before the first restart; the second is twice as long
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RED, YELLOW = 31, 33


class Supervisor:
    """Runs *programs* until told to stop, or until one of them keeps failing."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        stop_seconds: float,
        inherited: Sequence[int] = (),
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the orders; nothing runs yet.

        Args:
            programs: What to run.
            stop_seconds: How long children may take to finish before they are killed.
            inherited: Descriptors the children keep, such as a share in a database.
            prepare: Called when the services are up, before their users start.
        """
        self._services = [Child(program=each) for each in programs if each.is_service]
        self._users = [Child(program=each) for each in programs if not each.is_service]
        self._children = self._services + self._users
        self._stop_seconds = stop_seconds
        self._inherited = inherited
        self._prepare = prepare
        self._output = selectors.DefaultSelector()
        self._stop_requests = 0
        self._gave_up = False

    def run(self) -> int:
        """Supervise; return the exit code: 0 when told to stop, 1 when giving up."""
        before = {each: signal.signal(each, self._on_signal) for each in STOP_SIGNALS}
        try:
            self._start_all()
            while not self._is_ending:
                self._show(LOOK_SECONDS)
                for child in self._children:
                    self._look_after(child)
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)
        return 1 if self._gave_up else 0

    @property
    def _is_ending(self) -> bool:
        return self._gave_up or self._stop_requests > 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1

    def _start_all(self) -> None:
        for child in self._services:
            self._start(child)
        if not self._is_ending:
            self._prepare()
        for child in self._users:
            self._start(child)

    def _start(self, child: Child) -> None:
        if self._is_ending:
            return
        pipe = child.start(self._inherited)
        self._output.register(pipe, selectors.EVENT_READ, (child, pipe))
        while child.is_alive and not child.program.is_up() and not self._is_ending:
            self._show(LOOK_SECONDS / 10)

    def _show(self, seconds: float) -> None:
        if not self._output.get_map():
            time.sleep(seconds)
        for key, _ in self._output.select(seconds) if self._output.get_map() else ():
            child, pipe = key.data
            lines = child.read(pipe)
            if lines is None:
                self._output.unregister(pipe)
                pipe.close()
            for line in lines or ():
                say(child.program.name, line, child.program.colour)

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.restart_at is not None:
            if now >= child.restart_at:
                self._start(child)
        elif not child.is_alive:
            self._judge(child, now)

    def _judge(self, child: Child, now: float) -> None:
        child.end()  # no half-dead pool children beside the next ones
        self._show(0)
        recently = [at for at in child.failed_at if now - at < FAILURE_SECONDS]
        child.failed_at = [*recently, now]
        name, how = child.program.name, child.how_it_ended
        if len(child.failed_at) < FAILURES:
            say(name, f"*** {how}; restarting", RED)
            child.restart_at = now + RESTART_SECONDS * len(child.failed_at)
            return
        self._gave_up = True
        say(name, f"*** {how}; third failure within a minute, stopping all", RED)
        say(name, "*** its last lines:", RED)
        for line in child.last_lines:
            say(name, f"    {line}", RED)

    def _stop(self) -> None:
        if self._stop_requests:
            say("up", "Stopping … (once more to force)", YELLOW)
        deadline = time.monotonic() + self._stop_seconds
        asked = self._stop_requests
        for wave in (self._users, self._services):
            for child in wave:
                child.ask_to_stop()
            while (
                any(child.is_alive for child in wave)
                and time.monotonic() < deadline
                and self._stop_requests == asked
            ):
                self._show(LOOK_SECONDS)
        for child in self._children:
            if child.is_alive:
                say(child.program.name, "*** did not stop; killed", RED)
            child.end()
        self._show(0)
        for key in self._output.get_map().values():
            _, pipe = key.data
            pipe.close()
        self._output.close()
        say("up", "Stopped.", YELLOW)


def say(name: str, text: str, colour: int) -> None:
    """Print *text* behind a prefix, coloured on a terminal."""
    prefix = f"{time.strftime('%H:%M:%S')} {name:<6} │ "
    try:
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            prefix = f"\033[{colour}m{prefix}\033[0m"
        sys.stdout.write(f"{prefix}{text}\n")
        sys.stdout.flush()
    except OSError:
        # The terminal went away: no reason to leave the children alone.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
