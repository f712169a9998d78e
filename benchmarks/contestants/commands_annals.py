"""Ours: the shipped web, with everything on but the throttles; a broker beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import psycopg

from benchmarks.contestants import http_race
from benchmarks.contestants.annals import set_up

BULK = 1_000  # commands a body, the most there may be
THREADS = 4
UNLIMITED = {
    "API_READS_A_MINUTE": "0",
    "API_WRITES_A_MINUTE": "0",
    "API_COMMANDS_A_MINUTE": "0",
}


def token() -> str:
    """Return a token that may do everything; Django must be set up."""
    from eventstore.circumstances import acting  # noqa: PLC0415
    from users import tokens  # noqa: PLC0415
    from users.scopes import ALL  # noqa: PLC0415

    with acting(actor="benchmark", source="system", correlation_id=uuid.uuid4()):
        return tokens.issue(f"benchmark {uuid.uuid4().hex[:8]}", scopes=ALL)


def user() -> dict[str, str]:
    """Return what a client says of a new person."""
    return {"name": "Ada Lovelace", "email": f"ada.{uuid.uuid4()}@example.com"}


def body() -> tuple[bytes, int]:
    """Return one command."""
    return json.dumps(user()).encode(), 1


def bulk() -> tuple[bytes, int]:
    """Return as many commands as a body may hold."""
    commands = [{"command": "create_user", **user()} for _ in range(BULK)]
    return json.dumps({"commands": commands}).encode(), BULK


def main() -> None:
    """Race, with a broker for the doorbell."""
    from config.embedded import valkey  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="annals-") as folder:
        base = Path(folder)
        command = valkey.command(base)
        broker = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            http_race.run(lambda conninfo, mode: site(conninfo, mode, valkey.url(base)))
        finally:
            broker.terminate()
            broker.wait()


def site(conninfo: str, mode: str, broker: str) -> http_race.Site:
    """Return the web of ``docs/how-to/run-in-production.md``, a worker a core."""
    set_up(conninfo)
    workers = ["--workers", str(os.cpu_count()), "--threads", str(THREADS)]
    web = ["-m", "gunicorn", "config.wsgi", "--worker-class", "gthread", *workers]

    def recorded() -> int:
        with psycopg.connect(conninfo) as connection:
            counted = "SELECT count(*) FROM events WHERE type = 'UserCreated'"
            row = connection.execute(counted).fetchone()
            return row[0] if row else 0

    return http_race.Site(
        command=lambda port: [
            *(sys.executable, *web, "--no-control-socket"),
            *("--bind", f"127.0.0.1:{port}", "--log-level", "warning"),
        ],
        environment={
            "CELERY_BROKER_URL": broker,
            "SECURE_SSL_REDIRECT": "true",
            **UNLIMITED,
        },
        path="/api/v1/users/commands" if mode == "bulk" else "/api/v1/users",
        headers=[
            f"Authorization: Bearer {token()}",
            "X-Forwarded-Proto: https",
            "Idempotency-Key:",
        ],
        body=bulk if mode == "bulk" else body,
        status=202,
        recorded=recorded,
    )


if __name__ == "__main__":
    main()
