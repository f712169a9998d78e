"""The parent of one embedded PostgreSQL: starts it, revives it, stops it when unused.

Lifetime rule: every process that uses the server holds a *shared* flock on
``users.lock``, and whoever can lock it exclusively knows that nobody is left.  The
kernel drops a flock with its process, so kill -9 leaves no residue.  Starting, stopping
and asking are serialised by ``start.lock``, the gate.

Run by path, as a program of its own, so that it outlives whoever asked for the server.
Imports nothing of ours: it waits for hours and should weigh nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60  # crash recovery included
STOP_SECONDS = 30
LOOK_SECONDS = 1.0  # between two looks at the users' lock
POLL_SECONDS = 0.01
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # a live postmaster says S or N


@contextlib.contextmanager
def gate(base: Path) -> Iterator[None]:
    """Hold the right to start, stop or count users; one process at a time."""
    with (base / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def open_users_lock(base: Path) -> int:
    """Open the users' lock without taking it; closing the descriptor releases it."""
    return os.open(base / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def is_used(base: Path) -> bool:
    """Tell whether any process holds the users' lock; ask inside the gate."""
    probe = open_users_lock(base)
    try:
        fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(probe)
    return False


def pidfile(data: Path) -> list[str]:
    """Return the lines of postmaster.pid: pid first, socket folder 5th, state 8th."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def running_pid(data: Path) -> int | None:
    """Return the pid of the server of *data*; None if the pid file is stale.

    After a reboot or a kill the pid may belong to any program by now.
    """
    lines = pidfile(data)
    if not lines:
        return None
    pid = int(lines[0])
    command = _command_line(pid)
    return pid if b"postgres" in command and os.fsencode(data) in command else None


def _command_line(pid: int) -> bytes:
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        return b""
    ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, check=False).stdout  # noqa: S603  # our own argv


def is_ready(data: Path) -> bool:
    """Tell whether the server of *data* takes connections."""
    lines = pidfile(data)
    state = lines[7].strip() if len(lines) > 7 else ""  # noqa: PLR2004  # see pidfile
    return state == "ready" and _answers(Path(lines[4]) / ".s.PGSQL.5432")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(SSL_REQUEST)
            return client.recv(1) in {b"N", b"S"}
        except OSError:
            return False


def stop_server(data: Path) -> None:
    """Shut the server of *data* down (fast: open sessions are cut) and wait for it."""
    pid = running_pid(data)
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS
    while running_pid(data) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


class Guardian:
    """One server process and the order by which it can be started again."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.base = Path(order["base"])
        self.data = Path(order["data"])
        self.order = order

    def start(self) -> bool:
        """Start the server; True once it is ready, False if it died or hangs."""
        if running_pid(self.data) is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        # Closed by the kernel, and so readable, when the server's last process ends.
        self.ended, server_end = os.pipe()
        self.server = subprocess.Popen(  # noqa: S603  # our own argv
            self.order["argv"],
            cwd="/",
            pass_fds=[server_end],
            start_new_session=True,  # a terminal's Ctrl-C is not for the database
            **self.order["account"],
        )
        os.close(server_end)
        deadline = time.monotonic() + START_SECONDS
        while self.server.poll() is None and time.monotonic() < deadline:
            if is_ready(self.data):
                return True
            time.sleep(POLL_SECONDS)
        self.server.kill()
        self.server.wait()
        return False

    def watch(self) -> None:
        """Revive the server while it has users; return when it has none."""
        while True:
            if select.select([self.ended], [], [], LOOK_SECONDS)[0]:
                self.server.wait()
            if not self.data.exists():
                self.server.kill()  # somebody removed its files: nothing left to save
                return
            with gate(self.base):
                if not is_used(self.base):
                    stop_server(self.data)
                    return
                if self.server.poll() is not None and not self._revive():
                    return

    def _revive(self) -> bool:
        os.close(self.ended)
        return running_pid(self.data) is None and self.start()


def main() -> None:
    """Exit 0 as soon as the server is ready, leaving a child behind as its guardian."""
    guardian = Guardian(json.loads(sys.argv[1]))
    parent_end, child_end = os.pipe()
    if os.fork():
        os.close(child_end)
        sys.exit(0 if os.read(parent_end, 1) else 1)
    os.close(parent_end)
    if guardian.start():
        os.write(child_end, b"1")
        os.close(child_end)
        guardian.watch()


if __name__ == "__main__":
    main()
