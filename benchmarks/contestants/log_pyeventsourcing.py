"""pyeventsourcing's log: notifications from its recorder, or domain events."""

from __future__ import annotations

from collections.abc import Callable

import race
from pyeventsourcing import User, application

LIFE = 5  # events of a user, as ours
TOGETHER = 200  # users saved at once
PAGE = 500  # as our subscriptions


def fill(conninfo: str, mode: str) -> None:
    """Make the log, unless there is one."""
    mine = application(conninfo)
    if mine.recorder.max_notification_id():
        return
    users = []
    for number in range(0, int(mode.split()[1]), LIFE):
        user = User(name=f"Ada {number} Lovelace", email=f"ada{number}@example.com")
        for step in range(1, LIFE):
            user.change_name(f"Ada {number + step} Lovelace")
        users.append(user)
    for first in range(0, len(users), TOGETHER):
        mine.save(*users[first : first + TOGETHER])


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: the whole log."""
    kind, events = mode.split()
    mine = application(conninfo)
    decode = mine.mapper.to_domain_event

    def whole() -> int:
        read = after = 0
        while page := mine.recorder.select_notifications(
            after, PAGE, inclusive_of_start=False
        ):
            if kind == "application":
                for notification in page:
                    decode(notification)
            read += len(page)
            after = page[-1].id
        race.expect(read, int(events))
        return read

    return whole


if __name__ == "__main__":
    race.run(prepare, fill)
