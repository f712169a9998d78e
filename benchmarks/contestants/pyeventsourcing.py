"""pyeventsourcing with its PostgreSQL recorder, as its tutorial uses it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable

import race
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict


class User(Aggregate):
    """A user with a name and an address."""

    @event("Created")
    def __init__(self, name: str, email: str) -> None:
        self.name = name
        self.email = email

    @event("NameChanged")
    def change_name(self, name: str) -> None:
        """Call the user otherwise."""
        self.name = name

    @staticmethod
    def create_id(email: str) -> uuid.UUID:
        """Return an identity of its own for an address."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email}")


def application(conninfo: str, **settings: str) -> Application:
    """Return an application on the database of *conninfo*."""
    parameters = conninfo_to_dict(conninfo)
    os.environ |= {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parameters["dbname"]),
        "POSTGRES_HOST": str(parameters["host"]),
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": str(parameters["user"]),
        "POSTGRES_PASSWORD": "",
        # Several writers would trip over each other making the same tables.
        "CREATE_TABLE": "n" if "TABLES_EXIST" in os.environ else "y",
    }
    return Application(env=settings)


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit."""
    del mode
    mine = application(conninfo)

    def one() -> int:
        mine.save(User(name="Ada Lovelace", email=f"{uuid.uuid4()}@example.com"))
        return 1

    return one


if __name__ == "__main__":
    race.run(prepare)
