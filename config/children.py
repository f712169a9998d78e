"""One supervised program: how it is started, heard and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEASH = Path(__file__).with_name("leash.py")
LAST_LINES = 20
READ_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Program:
    """A child to be."""

    name: str
    command: Sequence[str]  # begins with an absolute path
    colour: int  # ANSI foreground
    is_service: bool = False  # others use it: starts first, stops last
    is_up: Callable[[], bool] = lambda: True  # what a service's users wait for
    hushed: tuple[str, ...] = ()  # lines with one of these say nothing to anybody


@dataclass(kw_only=True, eq=False)
class Child:
    """A program while it is supervised."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    failed_at: list[float] = field(default_factory=list)  # monotonic seconds
    restart_at: float | None = None  # monotonic seconds; None while it runs
    _unfinished: bytes = b""  # of the last line

    def start(self, inherited: Sequence[int]) -> IO[bytes]:
        """Start it in a session of its own and return the pipe of its output.

        Args:
            inherited: Descriptors it keeps.
        """
        self.restart_at = None
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid())]
        self.process = subprocess.Popen(  # noqa: S603  # our own argv
            [*leash, *self.program.command],
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            pass_fds=inherited,
            start_new_session=True,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout  # noqa: S101  # asked for above
        return self.process.stdout

    @property
    def is_alive(self) -> bool:
        """Whether the leader runs."""
        return self.process is not None and self.process.poll() is None

    def read(self, pipe: IO[bytes]) -> list[str] | None:
        """Return the lines that became complete; None at the end of the output."""
        data = os.read(pipe.fileno(), READ_BYTES)
        if not data and not self._unfinished:
            return None
        *lines, self._unfinished = (self._unfinished + (data or b"\n")).split(b"\n")
        texts = [line.decode(errors="replace") for line in lines]
        self.last_lines.extend(texts)
        return [text for text in texts if self._is_worth_showing(text)]

    def _is_worth_showing(self, text: str) -> bool:
        return bool(text.strip()) and not any(
            each in text for each in self.program.hushed
        )

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the leader only: it knows how to end its own children."""
        if self.process and self.is_alive:
            self.process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """Kill the leader and whatever it left behind in its session."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def how_it_ended(self) -> str:
        """Its exit code or signal, in words."""
        code = self.process.returncode if self.process else 0
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"
