"""Strikes with one fault after the other, and says what came of each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from django.db import DatabaseError, connection

from eventstore.models import StoredEvent
from tests.faults import invariants
from tests.faults.injections import FAULTS, Fault
from tests.faults.installation import PATIENCE, head, installed
from tests.faults.invariants import Case
from tests.faults.listening import Listener
from tests.faults.load import Load
from tests.processes import wait_until

RATE = 60  # commands a second
SHORT_RATE = 20  # of the short form: other tests run beside it
HASTE = 8  # of the short form


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one fault.

    Attributes:
        recoveries: Seconds, each from the fault's end until every subscription had
            applied all that was recorded by then.
        commands: Commands accepted meanwhile.
        repeated: How many of them were sent more than once.
        sent_again: Effects that arrived once more.
        broken: What does not hold, in sentences.
    """

    fault: Fault
    recoveries: Sequence[float]
    commands: int
    repeated: int
    sent_again: int
    broken: Sequence[str] = field(default_factory=list)

    @property
    def typical(self) -> float:
        return median(self.recoveries) if self.recoveries else 0.0

    @property
    def longest(self) -> float:
        return max(self.recoveries, default=0.0)


@contextlib.contextmanager
def case(rate: int) -> Iterator[Case]:
    """Set everything up, under so many commands a second, with somebody listening."""
    with installed() as crew:
        invariants.watch()
        load = Load(crew, rate=rate)
        listener = Listener(crew)
        try:
            load.start()
            yield Case(crew=crew, load=load, listener=listener)
        finally:
            listener.stop()
            load.stop()


def run(
    faults: Sequence[Fault] = FAULTS, *, short: bool, share: float = 1.0
) -> Iterator[Outcome]:
    """Strike with each of *faults*; yields what came of each.

    Args:
        faults: In this order: what runs on RabbitMQ comes last.
        short: Each as often as its short form says, and not for long.
        share: Of the times of the long form; each at least once.
    """
    with case(SHORT_RATE if short else RATE) as known:
        known.haste = HASTE if short else 1
        for fault in faults:
            times = fault.short if short else max(round(fault.times * share), 1)
            yield strike(known, fault, times=times)


def strike(known: Case, fault: Fault, *, times: int) -> Outcome:
    """Strike so often under load; then let everything settle, and look."""
    commands = len(known.load.accepted)
    again = invariants.sent_again(known)
    recoveries: list[float] = []
    problems: list[str] = []
    try:
        for _ in range(times):
            known.interruptions += fault.interrupts
            fault.strike(known)
            recoveries.append(recovery(known))
    # Whatever went wrong, it belongs in the report, and the next fault comes.
    except (AssertionError, DatabaseError, OSError) as error:
        connection.close()
        problems.append(f"{fault.name}: {type(error).__name__}: {error}")
    known.load.stop()
    problems += settled(known) or invariants.broken(known)
    mine = known.load.accepted[commands:]
    known.load.start()
    return Outcome(
        fault=fault,
        recoveries=recoveries,
        commands=len(mine),
        repeated=sum(each.tries > 1 for each in mine),
        sent_again=invariants.sent_again(known) - again,
        broken=problems,
    )


def recovery(known: Case) -> float:
    """Return how many seconds it takes to apply all that is recorded now."""
    began = time.monotonic()
    mark = head()
    wait_until(lambda: known.crew.is_at(mark), PATIENCE)
    return time.monotonic() - began


def settled(known: Case) -> list[str]:
    """Wait until nothing is left to do; return what is left after two minutes."""
    try:
        wait_until(known.crew.is_settled, PATIENCE)
        wait_until(
            lambda: len(known.listener.heard) >= StoredEvent.objects.count(), PATIENCE
        )
    except AssertionError:
        return ["it did not settle", *invariants.broken(known)]
    return []
