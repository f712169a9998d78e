"""An aggregate from pyeventsourcing's repository, without and with its snapshots."""

from __future__ import annotations

from collections.abc import Callable

import race
from eventsourcing.application import Application
from pyeventsourcing import User, application

SNAPSHOT_EVERY = 100  # versions, as ours
BATCH = 1_000


def _address(mode: str) -> str:
    return f"ada-{mode.split()[1]}@example.com"


def _open(conninfo: str, mode: str) -> Application:
    snapshots = "y" if mode.startswith("snapshot") else "n"
    return application(conninfo, IS_SNAPSHOTTING_ENABLED=snapshots)


def fill(conninfo: str, mode: str) -> None:
    """Make the aggregate, and its snapshot when there is to be one, once."""
    length = int(mode.split()[1])
    mine = _open(conninfo, mode)
    user_id = User.create_id(_address(mode))
    if not list(mine.events.get(user_id, lte=1)):
        user = User(name="Ada 1", email=_address(mode))
        for number in range(2, length + 1):
            user.change_name(f"Ada {number}")
            if number % BATCH == 0:
                mine.save(user)
        mine.save(user)
    kept = length - length % SNAPSHOT_EVERY
    if mine.snapshots and kept and not list(mine.snapshots.get(user_id)):
        mine.take_snapshot(user_id, version=kept)


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: one aggregate."""
    length = int(mode.split()[1])
    mine = _open(conninfo, mode)
    user_id = User.create_id(_address(mode))

    def one() -> int:
        user: User = mine.repository.get(user_id)
        race.expect((user.version, user.name), (length, f"Ada {length}"))
        return 1

    return one


if __name__ == "__main__":
    race.run(prepare, fill)
