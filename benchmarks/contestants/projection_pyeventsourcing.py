"""pyeventsourcing's projection runner into a table, as its documentation shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import race
from eventsourcing.application import Application
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from log_pyeventsourcing import fill
from psycopg.sql import SQL
from pyeventsourcing import application

PATIENCE = 60.0  # seconds
EMPTY = "TRUNCATE peer_directory, directory_tracking"
TABLE = """
CREATE TABLE IF NOT EXISTS peer_directory (
    user_id uuid PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    version integer NOT NULL
)
"""
CREATED = "INSERT INTO peer_directory VALUES (%s, %s, %s, %s)"
CHANGED = "UPDATE peer_directory SET name = %s, version = %s WHERE user_id = %s"


class View(PostgresTrackingRecorder):
    """The table, and how far it has come."""

    def __init__(self, datastore: Any, **more: Any) -> None:
        super().__init__(datastore, **more)
        self.sql_create_statements.append(SQL(TABLE))

    def write(self, statement: str, values: tuple[object, ...], at: Tracking) -> None:
        """Write a row and the position in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, at)
            cursor.execute(statement, values)


class Directory(Projection[View]):
    """One statement an event."""

    name = "directory"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Write what the event says."""
        told = domain_event
        user_id, version = told.originator_id, told.originator_version
        if version == 1:
            values = (user_id, told.name, told.email, version)
            self.view.write(CREATED, values, tracking)
        else:
            self.view.write(CHANGED, (told.name, version, user_id), tracking)


def make(conninfo: str, mode: str) -> None:
    """Make the log and the tables."""
    fill(conninfo, mode)
    catch_up(1)


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: so many events, from nothing."""
    events = int(mode.split()[2])
    application(conninfo)
    connection = psycopg.connect(conninfo, autocommit=True)

    def some() -> int:
        connection.execute(EMPTY)
        catch_up(events)
        return events

    return some


def catch_up(events: int) -> None:
    """Run a runner until it has applied so many."""
    with ProjectionRunner(
        application_class=Application, projection_class=Directory, view_class=View
    ) as runner:
        runner.wait(events, PATIENCE)


if __name__ == "__main__":
    race.run(prepare, make)
