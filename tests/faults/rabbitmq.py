"""A RabbitMQ of our own: Debian's ``rabbitmq-server``, in a folder, on free ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.journeys.cast import free_port

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # Debian's runs as who we are


def lacking() -> str:
    """Return why there is none; empty when there is."""
    return "" if SCRIPT.exists() else "rabbitmq-server is not installed"


def version() -> str:
    """Return the installed package's version; empty when there is none."""
    if lacking():
        return ""
    asked = ["dpkg-query", "-W", "-f", "${Version}", "rabbitmq-server"]
    told = subprocess.run(asked, capture_output=True, check=False, text=True)  # noqa: S603
    return told.stdout


class RabbitMQ:
    """One node, and the name server that it starts and does not end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._talk_port, self._names_port = (free_port() for _ in range(3))

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        self.folder.mkdir(exist_ok=True)
        own = {
            "HOME": str(self.folder),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_NODENAME": "annals-faults@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._talk_port),
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none",
        }
        return ["env", *(f"{name}={value}" for name, value in own.items()), str(SCRIPT)]

    def is_ready(self) -> bool:
        """Say whether it greets, as the protocol wants, and not merely listens."""
        with socket.socket() as talk:
            talk.settimeout(2)
            try:
                talk.connect(("127.0.0.1", self.port))
                talk.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(talk.recv(1))
            except OSError:
                return False

    def stop_name_server(self) -> None:
        """End what is left when the node is gone."""
        epmd = shutil.which("epmd")
        if epmd:
            own = os.environ | {"ERL_EPMD_PORT": str(self._names_port)}
            subprocess.run([epmd, "-kill"], capture_output=True, check=False, env=own)  # noqa: S603
