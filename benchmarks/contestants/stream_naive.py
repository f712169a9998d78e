"""The talk's store: the objects of all events, folded."""

from __future__ import annotations

from collections.abc import Callable

import race
from naive import Event, engine_on, row
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

BATCH = 1_000


def fill(conninfo: str, mode: str) -> None:
    """Make the stream, unless it is there."""
    length = int(mode.split()[1])
    with Session(engine_on(conninfo)) as session:
        if session.scalar(select(Event).where(Event.stream == mode).limit(1)):
            return
        for first in range(1, length + 1, BATCH):
            versions = range(first, min(first + BATCH, length + 1))
            rows = [row(mode, version, f"Ada {version}") for version in versions]
            session.execute(insert(Event), rows)
        session.commit()


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: one state."""
    length = int(mode.split()[1])
    engine = engine_on(conninfo)
    wanted = select(Event).where(Event.stream == mode).order_by(Event.version)

    def one() -> int:
        state: dict[str, str] = {}
        version = 0
        with Session(engine) as session:
            for event in session.scalars(wanted):
                state = state | event.data
                version = event.version
        race.expect((version, state["name"]), (length, f"Ada {length}"))
        return 1

    return one


if __name__ == "__main__":
    race.run(prepare, fill)
