"""Ours: the shipped web takes deliveries in, a fifth of them for the second time."""

from __future__ import annotations

import base64
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import psycopg

from benchmarks.contestants import http_race
from benchmarks.contestants.annals import set_up
from benchmarks.contestants.commands_annals import THREADS
from benchmarks.contestants.intake_annals import SECRET, SOURCE, SOURCES, person

REPEATED = 5  # one of so many deliveries came before
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


class Sender:
    """A source that signs by Standard Webhooks, and repeats itself."""

    def __init__(self) -> None:
        """Send nothing yet."""
        self.repeated = 0
        self._sent = 0
        self._last = person()

    def body(self) -> tuple[bytes, int]:
        """Return the next delivery, which is one."""
        self._sent += 1
        if self._sent % REPEATED:
            self._last = person()
        else:
            self.repeated += 1
        return self._last, 1

    def signed(self, body: bytes) -> Sequence[str]:
        """Return the headers that prove whose *body* is."""
        identity = f"msg_{json.loads(body)['id']}"
        instant = str(int(time.time()))
        told = f"{identity}.{instant}.".encode() + body
        digest = base64.b64encode(hmac.digest(KEY, told, sha256)).decode()
        return [
            f"webhook-id: {identity}",
            f"webhook-timestamp: {instant}",
            f"webhook-signature: v1,{digest}",
        ]


def main() -> None:
    """Race, with a broker for the doorbell."""
    if sys.argv[3] == "0":
        return  # nothing is made beforehand
    from config.embedded import valkey  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="annals-") as folder:
        base = Path(folder)
        broker = subprocess.Popen(  # noqa: S603 - our own argv
            valkey.command(base), stdout=subprocess.DEVNULL
        )
        try:
            http_race.run(lambda conninfo, _mode: site(conninfo, valkey.url(base)))
        finally:
            broker.terminate()
            broker.wait()


def site(conninfo: str, broker: str) -> http_race.Site:
    """Return the web of ``docs/how-to/run-in-production.md``, a worker a core."""
    set_up(conninfo)
    workers = ["--workers", str(os.cpu_count()), "--threads", str(THREADS)]
    web = ["-m", "gunicorn", "config.wsgi", "--worker-class", "gthread", *workers]
    sender = Sender()

    def kept() -> int:
        with psycopg.connect(conninfo) as connection:
            counted = "SELECT count(*) FROM raw_records"
            row = connection.execute(counted).fetchone()
            # What came twice is kept once.
            return (row[0] if row else 0) + sender.repeated

    return http_race.Site(
        command=lambda port: [
            *(sys.executable, *web, "--no-control-socket"),
            *("--bind", f"127.0.0.1:{port}", "--log-level", "warning"),
        ],
        environment={
            "CELERY_BROKER_URL": broker,
            "SECURE_SSL_REDIRECT": "true",
            "INGEST_SOURCES": SOURCES,
            "INGEST_A_MINUTE": "1000000",  # counted, and never too many
        },
        path=f"/api/ingest/{SOURCE}/",
        headers=["X-Forwarded-Proto: https"],
        body=sender.body,
        signed=sender.signed,
        status=202,
        recorded=kept,
    )


if __name__ == "__main__":
    main()
