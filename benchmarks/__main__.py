"""``python -m benchmarks [--only NAME] [--seconds S] [--rounds N] [--write]``."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import venv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

from benchmarks.contest import Contest, Contestant, table
from config.embedded.environment import prepare

PROJECT = Path(__file__).resolve().parents[1]
PEERS = PROJECT / ".bench-venv"
REPORT = PROJECT / "docs" / "performance.md"
HEAD = """# Performance

Made by `make bench`; ratios are shares of the reference (1.00) in the same run, on the
same server, contestants taking turns. Medians of {rounds} rounds of {seconds} s.
Rates depend on the machine; compare ratios. CPU is microseconds per event, client and
server apart, as the operating system counts it.

{machine}

"""


def main() -> None:
    """Run the contests and print, or write, the report."""
    options = _options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    prepare()
    django.setup()
    from benchmarks import server  # noqa: PLC0415 - Django must be set up

    lines: list[str] = []
    with server.running() as running:
        version = running.query("SHOW server_version")[0][0]
        for contest in _contests(options):
            part = table(contest, contest.run(running))
            print("\n".join(part), flush=True)
            lines += part
    if options.write:
        head = HEAD.format(
            rounds=options.rounds, seconds=options.seconds, machine=_machine(version)
        )
        REPORT.write_text(head + "\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _contests(options: argparse.Namespace) -> Iterator[Contest]:
    bare = Contestant(name="bare database", python=sys.executable, program="bare.py")
    ours = Contestant(name="Annals", python=sys.executable, program="annals.py")
    peers = [
        Contestant(name=name, python=_peers_python(), program=program)
        for name, program in (
            ("pyeventsourcing 9.5", "pyeventsourcing.py"),
            ("the talk's store (SQLAlchemy)", "naive.py"),
        )
    ]
    pace: dict[str, Any] = {"rounds": options.rounds, "seconds": options.seconds}
    if options.only in ("", "append"):
        for writers in (1, 4, 16):
            yield Contest(
                title=f"Append, one event a transaction, writers: {writers}",
                mode="one",
                writers=writers,
                contestants=[bare, ours, *peers],
                target={1: 0.8, 16: 0.7}.get(writers),
                **pace,
            )
    if options.only in ("", "batch"):
        yield Contest(
            title="Append, 100 events a transaction (bare: COPY), writers: 1",
            mode="batch",
            writers=1,
            contestants=[bare, ours],
            target=0.5,
            **pace,
        )


def _peers_python() -> str:
    python = PEERS / "bin" / "python"
    if not python.exists():
        venv.create(PEERS, with_pip=True)
        requirements = PROJECT / "benchmarks" / "peers.txt"
        install = [str(python), "-m", "pip", "install", "-q", "-r", str(requirements)]
        subprocess.run(install, check=True)  # noqa: S603
    return str(python)


def _machine(postgresql: object) -> str:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{datetime.now(tz=UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {load}, "
        f"Python {platform.python_version()}, PostgreSQL {postgresql}."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", default="", choices=["", "append", "batch"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
