"""Contestants take turns (A B C A B C …); medians and ratios are reported."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing it needs Django set up
    from benchmarks.server import Server

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One program that does the same work in its own way.

    Attributes:
        name: As the report calls it.
        python: The interpreter of its environment.
        program: Its file in ``contestants/``.
    """

    name: str
    python: str
    program: str


@dataclass(kw_only=True)
class Results:
    """What one contestant did, a list entry a round."""

    rates: list[float] = field(default_factory=list)  # units a second
    client_cpu: list[float] = field(default_factory=list)  # microseconds a unit
    server_cpu: list[float] = field(default_factory=list)  # microseconds a unit


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Contestants, the same number of writers, so many rounds of so many seconds."""

    title: str
    mode: str
    writers: int
    contestants: Sequence[Contestant]
    rounds: int
    seconds: float
    target: float | None = None  # share of the bare database that we want to reach

    def run(self, server: Server) -> dict[str, Results]:
        """Let them take turns and return what each did."""
        results = {each.name: Results() for each in self.contestants}
        for _ in range(self.rounds):
            for each in self.contestants:
                self._turn(server, each, results[each.name])
        return results

    def _turn(self, server: Server, contestant: Contestant, into: Results) -> None:
        before = server.cpu_seconds
        counted = self._call(server, contestant)
        units = max(counted["units"], 1)
        into.rates.append(counted["units"] / self.seconds)
        into.client_cpu.append(counted["cpu_seconds"] / units * 1e6)
        into.server_cpu.append((server.cpu_seconds - before) / units * 1e6)

    def _call(self, server: Server, contestant: Contestant) -> dict[str, float]:
        program = PROJECT / "benchmarks" / "contestants" / contestant.program
        done = subprocess.run(  # noqa: S603 - our own programs
            [
                contestant.python,
                str(program),
                server.conninfo,
                self.mode,
                str(self.writers),
                str(self.seconds),
            ],
            capture_output=True,
            check=False,
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            text=True,
            timeout=self.seconds * 4 + 60,
        )
        if done.returncode:
            message = f"{contestant.name} failed:\n{done.stderr[-2000:]}"
            raise SystemExit(message)
        counted: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return counted


def table(contest: Contest, results: dict[str, Results]) -> list[str]:
    """Return one contest as lines of Markdown; ratios are shares of the first."""
    base = median(results[contest.contestants[0].name].rates)
    lines = [
        f"## {contest.title}",
        "",
        "| contestant | ratio | least to most | rate/s | client µs | server µs |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, each in results.items():
        ratios = [rate / base for rate in each.rates]
        lines.append(
            f"| {name} | {median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f}"
            f" | {median(each.rates):,.0f} | {median(each.client_cpu):,.0f}"
            f" | {median(each.server_cpu):,.0f} |"
        )
    if contest.target is not None:
        reached = median(results["Annals"].rates) / base
        verdict = "reached" if reached >= contest.target else "missed"
        lines += ["", f"Target for Annals: {contest.target:.2f}; {verdict}."]
    return [*lines, ""]
