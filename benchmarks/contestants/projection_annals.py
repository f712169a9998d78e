"""The directory by ``catch_up``, or by an ORM object read and saved for each event."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import psycopg

from benchmarks.contestants import race
from benchmarks.contestants.annals import set_up
from benchmarks.contestants.log_annals import fill

EMPTY = """
TRUNCATE projections_directoryentry;
UPDATE eventstore_checkpoint SET position = 0 WHERE subscription = 'directory'
"""


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: the whole log, from nothing, or one event."""
    kind, events = mode.split()
    set_up(conninfo)
    from eventstore import checkpoints, store, subscriptions  # noqa: PLC0415
    from projections import directory  # noqa: PLC0415
    from projections.models import DirectoryEntry  # noqa: PLC0415
    from users.aggregate import user_id_of  # noqa: PLC0415

    connection = psycopg.connect(conninfo, autocommit=True)
    connection.execute(EMPTY)

    def batches() -> int:
        connection.execute(EMPTY)
        while not subscriptions.catch_up(directory.DIRECTORY):
            pass
        return int(events)

    read = store.read_all(
        after=0,
        until=store.watermark(),
        buckets=range(checkpoints.BUCKETS),
        limit=int(events),
    )
    following = cycle(event for _bucket, event in read)

    def row() -> int:
        event = next(following)
        user_id = user_id_of(event.stream)
        row = DirectoryEntry.objects.filter(user_id=user_id).first()
        row = directory.project(row, event)
        if row is not None:
            row.save()
        return 1

    return batches if kind == "batches" else row


if __name__ == "__main__":
    race.run(prepare, fill)
