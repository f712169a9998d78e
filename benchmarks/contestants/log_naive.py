"""The talk's store: an iterator over the objects of all events."""

from __future__ import annotations

from collections.abc import Callable

import race
from naive import Event, engine_on, row
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

LIFE = 5  # events of a user, as ours
PAGE = 500  # as our subscriptions


def fill(conninfo: str, mode: str) -> None:
    """Make the log, unless there is one."""
    events = int(mode.split()[1])
    with Session(engine_on(conninfo)) as session:
        if session.scalar(select(func.count()).select_from(Event)):
            return
        for first in range(0, events, 100):
            rows = [
                row(f"user-{n // LIFE}", n % LIFE + 1, f"Ada {n} Lovelace")
                for n in range(first, first + 100)
            ]
            session.execute(insert(Event), rows)
        session.commit()


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: the whole log."""
    events = int(mode.split()[1])
    engine = engine_on(conninfo)
    wanted = select(Event).order_by(Event.position).execution_options(yield_per=PAGE)

    def whole() -> int:
        with Session(engine) as session:
            race.expect(sum(1 for _event in session.scalars(wanted)), events)
        return events

    return whole


if __name__ == "__main__":
    race.run(prepare, fill)
