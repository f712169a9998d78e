"""The whole installation: started once, used like a newcomer would, stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.config.conftest import bare_environment, open_folder
from tests.processes import running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(PROJECT / "manage.py")]


@dataclass(frozen=True, kw_only=True)
class Installation:
    folder: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[str]

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    def ask(
        self, method: str, path: str, body: object = None
    ) -> tuple[int, str, dict[str, str]]:
        token = (self.folder / "state" / "token.txt").read_text().strip()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Host": "localhost", "Content-Type": "application/json"}
        headers["Authorization"] = f"Bearer {token}"
        connection.request(method, path, json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text, dict(response.headers)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            [*MANAGE, *arguments],
            capture_output=True,
            check=False,
            cwd="/",
            env=self.environment,
            text=True,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with open_folder() as folder:
        environment = bare_environment() | {
            "STATE_DIR": str(folder / "state"),
            "STATIC_ROOT": str(folder / "static"),
        }
        port = free_port()
        with (folder / "output").open("w") as output:
            process = subprocess.Popen(  # noqa: S603
                [
                    *(*MANAGE, "up", "--no-demo", "--port", str(port)),
                    *("--feed-port", str(free_port())),
                ],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                stdout=output,
                text=True,
            )
        installation = Installation(
            folder=folder, port=port, environment=environment, process=process
        )
        try:
            wait_until(lambda: "Three things to try" in installation.output, 60)
            yield installation
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        # `open_folder` waits until nothing of it runs any more.
        assert process.returncode == 0
        assert installation.output.endswith("Stopped.\n")


def test_greets_with_the_address_and_the_log_in(installation: Installation) -> None:
    password = (installation.folder / "state" / "login.txt").read_text().strip()
    frame = re.findall(r"│  (.*?) *│\n", installation.output)
    assert frame[:5] == [
        f"Annals is running:  http://localhost:{installation.port}/",
        f"Log in as:          admin   password: {password}",
        "or, to do less, as: viewer, agent, operator, lead, auditor, officer",
        f"E-mails end in:     {installation.folder}/state/mail",
        "Stop it with Ctrl-C.",
    ]


def test_says_nothing_else(installation: Installation) -> None:
    before = installation.output.partition("┌")[0]
    assert before.split("\n") == ["Preparing the database …", "Starting …", "", ""]


def test_serves_pages_with_their_style(installation: Installation) -> None:
    status, page, _ = installation.ask("GET", "/admin/login/")
    assert status == 200
    style = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert style
    assert installation.ask("GET", style[1])[0] == 200


def test_a_user_created_by_the_token_reaches_the_list(
    installation: Installation,
) -> None:
    grace = {"name": "Grace Hopper", "email": "grace@example.org"}
    status, _, headers = installation.ask("POST", "/api/v1/users", grace)
    assert status == 202
    user = headers["Link"].partition(">")[0].lstrip("<")
    wait_until(lambda: installation.ask("GET", user)[0] == 200)
    person = json.loads(installation.ask("GET", user)[1])
    assert person["name"] == "Grace Hopper"

    def status_of_command() -> str:
        return str(
            json.loads(installation.ask("GET", headers["Location"])[1])["status"]
        )

    wait_until(lambda: status_of_command() == "visible")


def test_the_event_stream_is_found_through_the_web(
    installation: Installation,
) -> None:
    token = (installation.folder / "state" / "token.txt").read_text().strip()
    address = f"http://127.0.0.1:{installation.port}/api/v1/events/stream?after=0"
    curl = ["curl", "-sNL", "-m", "3", "-H", f"Authorization: Bearer {token}", address]
    installation.ask("POST", "/api/v1/users", {"name": "Ed", "email": "e@example.org"})
    answer = subprocess.run(curl, capture_output=True, check=False, text=True)  # noqa: S603
    assert answer.stdout.startswith("retry: 2000\n\nid: ")
    assert "\nevent: UserCreated\ndata: {" in answer.stdout


def test_a_command_beside_it_leaves_its_server_alone(
    installation: Installation,
) -> None:
    assert installation.manage("check").returncode == 0
    assert installation.ask("GET", "/api/v1/users")[0] == 200


def test_a_worker_that_dies_is_named_and_replaced(installation: Installation) -> None:
    (worker,) = workers(installation)
    os.kill(worker, signal.SIGKILL)
    wait_until(
        lambda: "worker │ *** killed by SIGKILL; restarting" in installation.output
    )
    wait_until(lambda: workers(installation) - {worker})


def workers(installation: Installation) -> set[int]:
    parent = f"PPid:\t{installation.process.pid}\n"
    return {
        pid
        for pid in running("celery\0--quiet\0-A\0config\0worker")
        if parent in Path(f"/proc/{pid}/status").read_text()
    }


def test_a_second_one_in_the_same_folder_is_refused(installation: Installation) -> None:
    second = installation.manage("up", "--port", str(free_port()))
    assert (second.returncode, second.stderr) == (
        1,
        "CommandError: Annals already runs from this folder, or is still stopping.\n",
    )


def test_a_port_in_use_is_named_with_the_remedy(installation: Installation) -> None:
    port = installation.port
    second = installation.manage("up", "--port", str(port))
    assert second.returncode == 1
    assert second.stderr == (
        f"CommandError: Cannot listen on port {port} (Address already in use): "
        f"try --port {port + 1}.\n"
    )
