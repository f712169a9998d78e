"""docs/faults.md: what was injected, how long it took, and what held."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from config.embedded import binaries, valkey
from tests.faults import rabbitmq
from tests.faults.invariants import INVARIANTS
from tests.faults.suite import RATE, Outcome
from tests.journeys.cast import PROJECT

FILE = PROJECT / "docs" / "faults.md"
HEAD = """# Faults

Made by `make faults`: an installation of real processes (PostgreSQL, a broker, web,
feed, two workers, beat) is struck while clients send up to {rate} commands a second,
each with an `Idempotency-Key`, and again when there was no answer. A short form runs
with the tests.

{machine}

After each fault everything is let settle, and then all of this must hold for the whole
log:

{invariants}

Recovery is the time from the end of the fault until every subscription has applied all
that was recorded by then. What was killed is started again first, and then the clock
begins; commands never stop.

{columns}
{rule}
"""
COLUMNS = {
    "fault": "---",
    "times": "--:",
    "recovery p50, s": "--:",
    "longest, s": "--:",
    "commands": "--:",
    "tried again": "--:",
    "sent twice": "--:",
    "held": "---",
}
TAIL = """
"Tried again" are commands that were sent more than once, because a try had no answer or
503. "Sent twice" are e-mails and webhooks that arrived once more under the same key: at
most one of each kind whenever a worker is stopped between an effect and its row
([why](how-to/look-after-effects.md)). All others arrived once.

## What was injected

"""


def told(outcome: Outcome) -> list[str]:
    """Return the row of the table, and a line for each thing that broke."""
    held = "no" if outcome.broken else "yes"
    row = _line(
        [
            outcome.fault.name,
            str(len(outcome.recoveries)),
            f"{outcome.typical:.2f}",
            f"{outcome.longest:.2f}",
            f"{outcome.commands:,}",
            f"{outcome.repeated:,}",
            str(outcome.sent_again),
            held,
        ]
    )
    return [row, *(f"  {each}" for each in outcome.broken)]


def write(
    outcomes: Sequence[Outcome],
    left_out: Mapping[str, str],
    *,
    form: str,
    seconds: float,
) -> None:
    """Write the file anew; *form* says which run this was."""
    names = "\n".join(
        f"- **{name}**: {(check.__doc__ or '').splitlines()[0]}"
        for name, check in INVARIANTS.items()
    )
    head = HEAD.format(
        rate=RATE,
        machine=_machine(form, seconds),
        invariants=names,
        columns=_line(COLUMNS),
        rule=_line(COLUMNS.values()),
    )
    rows = [told(each)[0] for each in outcomes]
    broken = [f"- {each}" for outcome in outcomes for each in outcome.broken]
    what = [f"- **{each.fault.name}**: {each.fault.what}." for each in outcomes]
    lines = [*rows, TAIL.rstrip("\n"), "", *what]
    if broken:
        lines += ["", "## What did not hold", "", *broken]
    if left_out:
        lines += ["", "## What was not tried", ""]
        lines += [f"- **{name}**: {why}." for name, why in left_out.items()]
    FILE.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _machine(form: str, seconds: float) -> str:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    versions = [
        f"Python {platform.python_version()}",
        f"PostgreSQL {_version(binaries.find(None).folder / 'postgres')}",
        f"Valkey {_version(valkey.binary())}",
        f"RabbitMQ {rabbitmq.version() or 'not had'}",
    ]
    return (
        f"{datetime.now(tz=UTC):%Y-%m-%d}, {os.cpu_count()} cores shared with other"
        f" work, load {load} at the end, {', '.join(versions)};"
        f" {form}, {seconds / 60:.0f} minutes."
    )


def _version(program: Path) -> str:
    asked = [str(program), "--version"]
    told = subprocess.run(asked, capture_output=True, check=True, text=True)  # noqa: S603
    words = told.stdout.replace("v=", "").split()
    return next(word for word in words if word[0].isdigit())
