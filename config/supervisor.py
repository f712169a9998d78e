"""Several programs in one terminal: start, show, restart and stop them together.

Rules (EMBEDDED C): every child has a session of its own, so the terminal's Ctrl-C
reaches only us; only its leader is told to stop, since the signal would kill a pool's
working children; services stop after their users.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

LEASH = Path(__file__).with_name("leash.py")
LOOK_SECONDS = 0.1  # between two looks at the children
FAILURES = 3  # within ...
FAILURE_SECONDS = 60  # ... these: give up
RESTART_SECONDS = 0.3  # first pause; the second is longer
LAST_LINES = 20
RED, YELLOW = 31, 33


@dataclass(frozen=True, kw_only=True)
class Program:
    """A child to be."""

    name: str
    command: Sequence[str]  # begins with an absolute path
    colour: int  # ANSI foreground
    is_service: bool = False  # others use it: starts first, stops last
    is_up: Callable[[], bool] = lambda: True  # what a service's users wait for


@dataclass(kw_only=True)
class Child:
    """A program while it is supervised."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    unfinished: bytes = b""  # of the last line
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    failed_at: list[float] = field(default_factory=list)
    restart_at: float | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the leader runs."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Tell the leader, if it is there to be told."""
        if self.process and self.is_alive:
            self.process.send_signal(number)

    def kill_group(self) -> None:
        """End the leader and whatever it left behind."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Runs *programs* until told to stop, or until one of them keeps failing."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        stop_seconds: float,
        inherited: Sequence[int] = (),
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            programs: Services first.
            stop_seconds: How long children may take to finish before they are killed.
            inherited: Descriptors the children keep, such as a share in a database.
        """
        self.children = [Child(program=program) for program in programs]
        self.stop_seconds = stop_seconds
        self.inherited = tuple(inherited)
        self.stop_requests = 0
        self.exit_code = 0
        self.output = selectors.DefaultSelector()

    def run(self) -> int:
        """Supervise; return the exit code: 0 when told to stop, 1 when giving up."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_stop)
        try:
            for child in self.children:
                if not self.stop_requests:
                    self._start(child)
            while not (self.stop_requests or self.exit_code):
                self._show(LOOK_SECONDS)
                for child in self.children:
                    self._look_after(child)
        finally:
            self._stop()
        return self.exit_code

    def say(self, name: str, text: str, colour: int) -> None:
        """Print *text* behind its prefix; a terminal that went away is no reason to fail."""
        prefix = f"{time.strftime('%H:%M:%S')} {name:<6} │ "
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            prefix = f"\033[{colour}m{prefix}\033[0m"
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(f"{prefix}{text}\n")
            sys.stdout.flush()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_requests += 1

    def _start(self, child: Child) -> None:
        child.restart_at = None
        child.process = subprocess.Popen(  # noqa: S603  # our own argv
            [
                sys.executable,
                "-I",
                "-S",
                LEASH,
                str(os.getpid()),
                *child.program.command,
            ],
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            pass_fds=self.inherited,
            start_new_session=True,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        pipe = child.process.stdout
        assert pipe  # noqa: S101  # asked for above
        os.set_blocking(pipe.fileno(), False)
        self.output.register(pipe, selectors.EVENT_READ, child)
        while child.is_alive and not child.program.is_up() and not self.stop_requests:
            self._show(LOOK_SECONDS / 5)

    def _show(self, seconds: float) -> None:
        if not self.output.get_map():
            time.sleep(seconds)
            return
        for key, _ in self.output.select(seconds):
            pipe = key.fileobj
            assert not isinstance(pipe, int)  # noqa: S101  # registered as a file
            self._read(pipe, key.data)

    def _read(self, pipe: IO[bytes], child: Child) -> None:
        data = os.read(pipe.fileno(), 65_536)
        if not data:
            self.output.unregister(pipe)
            pipe.close()
        *lines, child.unfinished = (child.unfinished + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            child.last_lines.append(text)
            self.say(child.program.name, text, child.program.colour)

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.restart_at is not None:
            if now >= child.restart_at:
                self._start(child)
        elif not child.is_alive:
            self._mourn(child, now)

    def _mourn(self, child: Child, now: float) -> None:
        # No half-dead pool children beside the next ones.
        child.kill_group()
        child.failed_at = [at for at in child.failed_at if now - at < FAILURE_SECONDS]
        child.failed_at.append(now)
        how = _how_it_ended(child)
        if len(child.failed_at) < FAILURES:
            self.say(child.program.name, f"*** {how}; restarting", RED)
            child.restart_at = now + RESTART_SECONDS * len(child.failed_at)
            return
        self._show(0)
        self.exit_code = 1
        self.say(
            child.program.name,
            f"*** {how}; the third failure within a minute, stopping everything. "
            "Its last lines:",
            RED,
        )
        for line in child.last_lines:
            self.say(child.program.name, f"    {line}", RED)

    def _stop(self) -> None:
        deadline = time.monotonic() + self.stop_seconds
        already = self.stop_requests
        if already:
            self.say("up", "Stopping … (once more to force)", YELLOW)
        for service in (False, True):
            wave = [
                each for each in self.children if each.program.is_service is service
            ]
            for child in wave:
                child.signal(signal.SIGTERM)
            while (
                any(child.is_alive for child in wave)
                and time.monotonic() < deadline
                and self.stop_requests == already
            ):
                self._show(LOOK_SECONDS)
        for child in self.children:
            if child.is_alive:
                self.say(child.program.name, "*** did not stop; killed", RED)
            child.kill_group()
        self._show(0)
        self.output.close()
        self.say("up", "Stopped.", YELLOW)


def _how_it_ended(child: Child) -> str:
    assert child.process  # noqa: S101  # it ran
    code = child.process.returncode
    return (
        f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    )
