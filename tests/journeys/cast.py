"""The real processes that a journey needs: broker, worker, beat and web."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from celery import Celery
from django.db import connection

from config.embedded import valkey
from tests.processes import wait_until

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable


class Cast:
    """Starts and stops the processes of one installation in a folder of its own."""

    def __init__(self, folder: Path, *, token: str = "") -> None:
        self.folder = folder
        self.token = token
        self.settings: dict[str, str] = {}  # more of the environment
        self.application = "config.wsgi"
        self.port = free_port()
        self.feed_port = free_port()
        self.broker_folder = folder / "state"
        self.broker_folder.mkdir()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start_broker(self) -> None:
        self._start("broker", valkey.command(self.broker_folder))
        wait_until(lambda: _answers(valkey.socket_path(self.broker_folder)))

    def start_worker(
        self,
        name: str = "worker",
        *,
        threads: int = 4,
        pool: str = "threads",
        queues: str = "celery,outside",
    ) -> None:
        celery = [PYTHON, "-m", "celery", "-A", "config", "worker", "-P", pool]
        options = ["-c", str(threads), "-n", f"{name}@%h", "--without-gossip"]
        options += ["-Q", queues]
        self._start(name, [*celery, *options, "-l", "INFO"])

    @property
    def broker_url(self) -> str:
        return self.environment()["CELERY_BROKER_URL"]

    def send(self, task: str, *given: str) -> None:
        """Send a task to the broker; this process's own one is in its memory."""
        with Celery(set_as_current=False) as app:
            # What stands in the environment goes before ``Celery(broker=…)``.
            app.conf.update(broker_write_url=self.broker_url)
            app.send_task(task, args=given)

    def start_beat(self, name: str = "beat") -> None:
        self._start(name, [PYTHON, "-m", "celery", "-A", "config", "beat"])

    def start_web(self) -> None:
        gunicorn = [PYTHON, "-m", "gunicorn", self.application, "--no-control-socket"]
        bind = f"127.0.0.1:{self.port}"
        self._start("web", [*gunicorn, "--threads", "4", "--bind", bind])
        wait_until(lambda: _listens(self.port))

    def start_feed(self) -> None:
        uvicorn = [PYTHON, "-m", "uvicorn", "config.asgi:application"]
        self._start("feed", [*uvicorn, "--port", str(self.feed_port)])
        wait_until(lambda: _listens(self.feed_port))

    def terminate(self, name: str) -> None:
        """Ask a process to stop, and wait until it did."""
        process = self._running.pop(name)
        process.terminate()
        process.wait(20)

    def kill(self, name: str) -> None:
        """kill -9 a process and everything it started."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def freeze(self, name: str) -> None:
        """Let a process neither work nor die, as one whose machine hangs."""
        os.killpg(self._running[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.killpg(self._running[name].pid, signal.SIGCONT)

    def children(self, name: str) -> list[int]:
        """Return the ids of the processes that a process has forked."""
        pid = self._running[name].pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(each) for each in listed.split()]

    def is_running(self, name: str) -> bool:
        return self._running[name].poll() is None

    def has(self, name: str) -> bool:
        return name in self._running

    def stop(self) -> None:
        for name in list(self._running):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def ask(
        self, method: str, path: str, body: Any = None, **more: str
    ) -> tuple[int, Any]:
        """Send a request and return status and answer; *more* are headers."""
        talk = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Host": "localhost",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        # Closed, too, when whoever answers is killed meanwhile.
        with contextlib.closing(talk):
            talk.request(method, path, json.dumps(body) if body else None, headers)
            with contextlib.closing(talk.getresponse()) as response:
                return response.status, json.loads(response.read())

    def _start(self, name: str, command: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as output:
            self._running[name] = subprocess.Popen(  # noqa: S603
                command,
                cwd=PROJECT,
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def environment(self) -> dict[str, str]:
        parameters = connection.settings_dict
        host = quote(parameters["HOST"], safe="")
        return {
            "DATABASE_URL": f"postgresql://annals_app@{host}/{parameters['NAME']}",
            "CELERY_BROKER_URL": valkey.url(self.broker_folder),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "EMAIL_URL": "dummymail://",
            **self.settings,
        }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
