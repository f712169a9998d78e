"""``python -m benchmarks [--only NAME] [--trial] [--write]``."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import django

from benchmarks import (
    appends,
    archive,
    commands,
    intake,
    log,
    projection,
    rebuild,
    streams,
)
from benchmarks.contest import PROJECT, Contest, Pace, table
from config.embedded.environment import prepare

# One a line: names for ``--only``.
PARTS: dict[str, Callable[[Pace], Iterator[Contest]]] = {
    "append": appends.single,
    "batch": appends.batches,
    "import": archive.contests,
    "stream": streams.contests,
    "log": log.contests,
    "projection": projection.contests,
    "rebuild": rebuild.contests,
    "commands": commands.contests,
    "intake": intake.contests,
}
TRIAL = Pace(rounds=1, seconds=0.1, scale=0.01)
REPORT = PROJECT / "docs" / "performance.md"
HEAD = """# Performance

Made by `make bench`; ratios are shares of the reference (1.00) in the same run, on the
same server, contestants taking turns. Medians of {rounds} rounds: a turn takes
{seconds} s, reads half of that, and at least as long as one unit. Answers are checked.
Rates depend on the machine; compare ratios. CPU is microseconds per unit, client and
server apart, as the operating system counts it.

{machine}

"""


def main() -> None:
    """Run the contests and print, or write, the report."""
    options = _options()
    pace = (
        TRIAL if options.trial else Pace(rounds=options.rounds, seconds=options.seconds)
    )
    pace = replace(pace, has_peers=not options.without_peers)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    prepare()
    django.setup()
    from benchmarks import server  # noqa: PLC0415 - Django must be set up

    lines: list[str] = []
    version: object = ""
    for contests in [PARTS[options.only]] if options.only else PARTS.values():
        with server.running() as running:
            version = running.query("SHOW server_version")[0][0]
            for contest in contests(pace):
                part = table(contest, contest.run(running, pace))
                part += contest.appendix() if contest.appendix else []
                print("\n".join(part), flush=True)
                lines += part
    if options.write:
        head = HEAD.format(
            rounds=pace.rounds, seconds=pace.seconds, machine=_machine(version)
        )
        REPORT.write_text(head + "\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _machine(postgresql: object) -> str:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{datetime.now(tz=UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {load}, "
        f"Python {platform.python_version()}, PostgreSQL {postgresql}."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", default="", choices=["", *PARTS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument(
        "--trial", action="store_true", help="tiny, to see that it runs"
    )
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
