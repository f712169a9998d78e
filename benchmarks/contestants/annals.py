"""Ours: ``store.append`` as the application calls it, everything on."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from urllib.parse import quote

import django
from psycopg.conninfo import conninfo_to_dict

from benchmarks.contestants import race

BATCH = 100


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit."""
    _set_up(conninfo)
    from eventstore import doorbell, store  # noqa: PLC0415 - Django must be set up
    from eventstore.events import NO_STREAM, Metadata  # noqa: PLC0415
    from users.events import UserCreated, UserNameChanged  # noqa: PLC0415

    doorbell.ring_after_commit = lambda: None  # measured apart: there is no broker
    created = UserCreated(name="Ada Lovelace", email="ada@example.com")
    change = UserNameChanged(old_name="Ada Byron", new_name="Ada Lovelace")

    def append(events: list[object]) -> int:
        metadata = Metadata(
            actor="client:bench", source="rest", correlation_id=uuid.uuid4()
        )
        store.append(
            f"user-{uuid.uuid4()}",
            events,
            expected_version=NO_STREAM,
            metadata=metadata,
        )
        return len(events)

    many: list[object] = [created, *[change] * (BATCH - 1)]
    return (lambda: append(many)) if mode == "batch" else (lambda: append([created]))


def _set_up(conninfo: str) -> None:
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


if __name__ == "__main__":
    race.run(prepare)
