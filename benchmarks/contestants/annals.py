"""Ours: ``store.append`` as the application calls it, everything on."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote

import django
from psycopg.conninfo import conninfo_to_dict

from benchmarks.contestants import race
from eventstore.events import NO_STREAM, Metadata

BATCH = 100
LIFE = 5  # events of a user


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit."""
    set_up(conninfo)
    from eventstore import store  # noqa: PLC0415 - Django must be set up
    from users.events import UserCreated, UserNameChanged  # noqa: PLC0415

    created = UserCreated(name="Ada Lovelace", email="ada@example.com")
    change = UserNameChanged(old_name="Ada Byron", new_name="Ada Lovelace")

    def append(events: list[object]) -> int:
        store.append(
            f"user-{uuid.uuid4()}",
            events,
            expected_version=NO_STREAM,
            metadata=circumstances(),
        )
        return len(events)

    many: list[object] = [created, *[change] * (BATCH - 1)]
    return (lambda: append(many)) if mode == "batch" else (lambda: append([created]))


def set_up(conninfo: str) -> None:
    """Make this process one of Annals, on the database of *conninfo*."""
    parameters = conninfo_to_dict(conninfo)
    host = quote(str(parameters["host"]), safe="")
    os.environ |= {
        "DATABASE_URL": f"postgresql://{parameters['user']}@{host}/"
        f"{parameters['dbname']}",
        "CELERY_BROKER_URL": "memory://",
        "SECRET_KEY": "benchmark",
        "CLAIM_KEY": "benchmark",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    django.setup()
    from config.garbage import leave_the_code_out  # noqa: PLC0415
    from eventstore import doorbell  # noqa: PLC0415

    leave_the_code_out()  # as web and worker do

    doorbell.ring_after_commit = lambda: None  # measured apart: there is no broker


def circumstances() -> Metadata:
    """Return who is acting, in a conversation of its own."""
    return Metadata(actor="client:bench", source="rest", correlation_id=uuid.uuid4())


def fill_log(events: int) -> None:
    """Append *events* of many users to the log, unless it has some."""
    from eventstore import store  # noqa: PLC0415
    from eventstore.appends import Append  # noqa: PLC0415

    if store.watermark():
        return
    for first in range(0, events, BATCH):
        store.append_many(
            [
                Append(
                    stream=f"user-{uuid.uuid4()}",
                    events=_life(number),
                    expected_version=NO_STREAM,
                    metadata=circumstances(),
                )
                for number in range(first, first + BATCH, LIFE)
            ]
        )


def _life(number: int) -> list[object]:
    from users.events import UserCreated, UserNameChanged  # noqa: PLC0415

    names = [f"Ada {number + step} Lovelace" for step in range(LIFE)]
    created = UserCreated(name=names[0], email=f"ada{number}@example.com")
    changes = pairwise(names)
    return [
        created,
        *(UserNameChanged(old_name=old, new_name=new) for old, new in changes),
    ]


if __name__ == "__main__":
    race.run(prepare)
