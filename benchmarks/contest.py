"""Contestants take turns (A B C A B C …); medians and ratios are reported."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from threading import Timer
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # importing it needs Django set up
    from benchmarks.server import Server

Value = TypeVar("Value")

PROJECT = Path(__file__).resolve().parents[1]
SLOW = 10  # a second; slower rates are told with decimals
LONGEST_SECONDS = 300.0  # a turn, or filling a log; whoever takes longer has failed


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One program that does the same work in its own way.

    Attributes:
        name: As the report calls it.
        python: The interpreter of its environment.
        program: Its file in ``contestants/``.
        mode: What it is told to do; empty means the mode of the contest.
        check: A query that must say true after its turn, or the answer was wrong.
    """

    name: str
    python: str
    program: str
    mode: str = ""
    check: str = ""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a run takes.

    Attributes:
        rounds: Turns of each contestant.
        seconds: Of a turn.
        scale: Share of the full sizes, of logs and files; 1 unless it is a trial.
        has_peers: Whether other people's programs take part.
    """

    rounds: int
    seconds: float
    scale: float = 1.0
    has_peers: bool = True

    def size(self, events: int) -> int:
        """Return how many there are of *events* at this scale, in whole hundreds."""
        return max(int(events * self.scale) // 100 * 100, 100)

    def some(self, values: Sequence[Value]) -> Sequence[Value]:
        """Return *values*; in a trial, only the first two."""
        return values if self.scale == 1 else values[:2]


@dataclass(kw_only=True)
class Results:
    """What one contestant did, a list entry a round."""

    rates: list[float] = field(default_factory=list)  # units a second
    client_cpu: list[float] = field(default_factory=list)  # microseconds a unit
    server_cpu: list[float] = field(default_factory=list)  # microseconds a unit
    p50: list[float] = field(default_factory=list)  # milliseconds; of answers, if told
    p99: list[float] = field(default_factory=list)  # milliseconds

    def column(self, name: str) -> float:
        """Return the median of the column *name* of the table."""
        columns = {
            "client µs": self.client_cpu,
            "server µs": self.server_cpu,
            "p50 ms": self.p50,
            "p99 ms": self.p99,
        }
        return median(columns.get(name, self.rates))


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What a column of the table may be for *target_of*, at the median.

    Attributes:
        name: Of the column.
    """

    name: str
    least: float = 0.0
    most: float = float("inf")

    def verdict(self, value: float) -> str:
        """Return one sentence about *value*."""
        is_reached = self.least <= value <= self.most
        wanted = f"at least {self.least:,.0f}" if self.least else f"{self.most:,.0f}"
        return f"{self.name} {wanted}; {'reached' if is_reached else 'missed'}."


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Contestants that do the same, by turns.

    Attributes:
        title: As the report calls it.
        contestants: The first is the reference.
        mode: What they are told to do.
        writers: Processes of each, side by side.
        share: Of the seconds of a turn; 0 means one unit, however long it takes.
        unit: What is counted, in the plural.
        target: Share of the reference that *target_of* wants to reach.
        bounds: What else it wants to reach, in figures of its own.
        note: What a reader has to know of it.
        appendix: Called after the contest, for lines under the table.
    """

    title: str
    contestants: Sequence[Contestant]
    mode: str = ""
    writers: int = 1
    share: float = 1.0
    unit: str = "events"
    target: float | None = None
    target_of: str = "Annals"
    bounds: Sequence[Bound] = ()
    note: str = ""
    appendix: Callable[[], list[str]] | None = None

    def run(self, server: Server, pace: Pace) -> dict[str, Results]:
        """Let them take turns and return what each did."""
        results = {each.name: Results() for each in self.contestants}
        for each in self.contestants:
            self._start(server, each, writers=0, seconds=0).finish()
        for _ in range(pace.rounds):
            for each in self.contestants:
                seconds = pace.seconds * self.share
                self._turn(server, each, seconds, results[each.name])
        return results

    def _turn(
        self, server: Server, contestant: Contestant, seconds: float, into: Results
    ) -> None:
        turn = self._start(server, contestant, writers=self.writers, seconds=seconds)
        turn.read()  # from here on the clock runs
        before = server.cpu_seconds
        counted = turn.finish()
        units = max(counted["units"], 1)
        into.rates.append(counted["rate"])
        into.client_cpu.append(counted["cpu_seconds"] / units * 1e6)
        into.server_cpu.append((server.cpu_seconds - before) / units * 1e6)
        if "p99_ms" in counted:
            into.p50.append(counted["p50_ms"])
            into.p99.append(counted["p99_ms"])
        if contestant.check and server.query(contestant.check) != [(True,)]:
            message = f"{contestant.name} gave a wrong answer in: {self.title}"
            raise SystemExit(message)

    def _start(
        self, server: Server, contestant: Contestant, *, writers: int, seconds: float
    ) -> Turn:
        mode = contestant.mode or self.mode
        arguments = [server.conninfo, mode, str(writers), str(seconds)]
        program = PROJECT / "benchmarks" / "contestants" / contestant.program
        return Turn(contestant, [contestant.python, str(program), *arguments])


class Turn:
    """A contestant's program, running."""

    def __init__(self, contestant: Contestant, command: Sequence[str]) -> None:
        """Start *command*, which races as ``contestants/race.py`` does."""
        self._contestant = contestant
        self._errors = TemporaryFile("w+")  # noqa: SIM115 - finish closes it
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            command,
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            stderr=self._errors,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._watch = Timer(LONGEST_SECONDS, self._process.kill)
        self._watch.start()

    def read(self) -> dict[str, float]:
        """Return the facts of the next line, none at the end.

        Raises:
            SystemExit: The program failed.
        """
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line and self._process.wait():
            self._watch.cancel()
            self._errors.seek(0)
            told = self._errors.read()[-2000:]
            message = f"{self._contestant.name} failed:\n{told}"
            raise SystemExit(message)
        facts: dict[str, float] = json.loads(line or "{}")
        return facts

    def finish(self) -> dict[str, float]:
        """Return the facts of the last line, and see the program end well."""
        facts = self.read()
        with self._process, self._errors:
            self.read()
        self._watch.cancel()
        return facts


def table(contest: Contest, results: dict[str, Results]) -> list[str]:
    """Return one contest as lines of Markdown; ratios are shares of the first."""
    base = median(results[contest.contestants[0].name].rates)
    has_latency = any(each.p99 for each in results.values())
    latency = (" p50 ms | p99 ms |", "--:|--:|") if has_latency else ("", "")
    lines = [
        f"## {contest.title}",
        "",
        *([contest.note, ""] if contest.note else []),
        f"| contestant | ratio | range | {contest.unit}/s | client µs | server µs |"
        + latency[0],
        "|---|--:|--:|--:|--:|--:|" + latency[1],
    ]
    for name, each in results.items():
        ratios = [rate / base for rate in each.rates]
        line = (
            f"| {name} | {median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f}"
            f" | {_rate(median(each.rates))} | {median(each.client_cpu):,.0f}"
            f" | {median(each.server_cpu):,.0f} |"
        )
        told = f" {median(each.p50):.1f} | {median(each.p99):.1f} |" if each.p99 else ""
        lines.append(line + told)
    verdicts = _verdicts(contest, results, base)
    if verdicts:
        lines += ["", f"Target for {contest.target_of}: {' '.join(verdicts)}"]
    return [*lines, ""]


def _verdicts(contest: Contest, results: dict[str, Results], base: float) -> list[str]:
    if contest.target is None and not contest.bounds:
        return []
    ours = results[contest.target_of]
    verdicts = [each.verdict(ours.column(each.name)) for each in contest.bounds]
    if contest.target is None:
        return verdicts
    reached = median(ours.rates) / base
    verdict = "reached" if reached >= contest.target else "missed"
    return [f"{contest.target:.2f}; {verdict}.", *verdicts]


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= SLOW else f"{value:.2f}"
