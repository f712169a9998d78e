"""The directory rebuilt beside the live one, by the steps that a worker takes."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from benchmarks.contestants import race
from benchmarks.contestants.annals import circumstances, set_up
from benchmarks.contestants.log_annals import fill

EMPTY = "DROP TABLE IF EXISTS rebuilt_directory"
KEPT = "CREATE TABLE rebuilt_directory AS TABLE rebuild_next.projections_directoryentry"


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: the whole log, from nothing, with every index."""
    events = int(mode.split()[1])
    set_up(conninfo)
    from eventstore import circumstances as context  # noqa: PLC0415
    from eventstore import rebuilding, rebuilds  # noqa: PLC0415

    connection = psycopg.connect(conninfo, autocommit=True)

    def whole() -> int:
        told = circumstances()
        connection.execute(EMPTY)
        with context.acting(
            actor=told.actor, source=told.source, correlation_id=told.correlation_id
        ):
            rebuilds.start("directory", reason="benchmark")
            while not rebuilding.work("directory"):
                pass
            connection.execute(KEPT)
            rebuilds.cancel("directory")
        return events

    return whole


if __name__ == "__main__":
    race.run(prepare, fill)
