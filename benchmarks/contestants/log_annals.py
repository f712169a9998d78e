"""The log through ``store.read_all``, in the pages of a subscription."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.contestants import race
from benchmarks.contestants.annals import fill_log, set_up


def fill(conninfo: str, mode: str) -> None:
    """Make the log."""
    set_up(conninfo)
    fill_log(int(mode.split()[1]))


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: the whole log."""
    events = int(mode.split()[1])
    set_up(conninfo)
    from eventstore import batching, checkpoints, store  # noqa: PLC0415
    from eventstore.repository import refuse_unreadable  # noqa: PLC0415

    def whole() -> int:
        read = after = 0
        until = store.watermark()
        while page := store.read_all(
            after=after,
            until=until,
            buckets=range(checkpoints.BUCKETS),
            limit=batching.BATCH_SIZE,
        ):
            refuse_unreadable(event for _bucket, event in page)
            read += len(page)
            after = page[-1][1].position
        race.expect(read, events)
        return read

    return whole


if __name__ == "__main__":
    race.run(prepare, fill)
