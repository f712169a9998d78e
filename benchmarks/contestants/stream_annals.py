"""A state as commands load it, from the first event or from the newest snapshot."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid5

from django.conf import settings

from benchmarks.contestants import race
from benchmarks.contestants.annals import circumstances, set_up

LENGTHS = UUID("5a1f8bc0-7f0b-4c05-9d5c-0d2b3a0f6c11")  # namespace of their streams
BATCH = 1_000


def stream_of(length: int) -> str:
    """Return the stream that has *length* events."""
    return f"user-{uuid5(LENGTHS, str(length))}"


def fill(conninfo: str, mode: str) -> None:
    """Make the stream, unless it is there, and let its snapshots be taken."""
    length = int(mode.split()[1])
    set_up(conninfo)
    from eventstore import snapshot_projection, store, subscriptions  # noqa: PLC0415
    from eventstore.events import NO_STREAM  # noqa: PLC0415
    from users.events import UserCreated, UserNameChanged  # noqa: PLC0415

    if store.read_stream(stream_of(length), to_version=1):
        return
    events: list[object] = [UserCreated(name="Ada 1", email="ada@example.com")]
    events += [
        UserNameChanged(old_name=f"Ada {number - 1}", new_name=f"Ada {number}")
        for number in range(2, length + 1)
    ]
    for first in range(0, length, BATCH):
        store.append(
            stream_of(length),
            events[first : first + BATCH],
            expected_version=first or NO_STREAM,
            metadata=circumstances(),
        )
    taking = subscriptions.find(snapshot_projection.NAME)
    while not subscriptions.catch_up(taking):
        pass


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: one state."""
    kind, number = mode.split()
    length, stream = int(number), stream_of(int(number))
    set_up(conninfo)
    from eventstore import repository, snapshots  # noqa: PLC0415
    from users.aggregate import USER  # noqa: PLC0415

    kept = snapshots.load(USER, stream).version
    race.expect(kept, length - length % settings.SNAPSHOT_EVERY)

    def one() -> int:
        trusts = kind == "snapshot"
        loaded = repository.load_stream(USER, stream, trust_snapshots=trusts)
        name = loaded.state.name if loaded.state else ""
        race.expect((loaded.version, name), (length, f"Ada {length}"))
        return 1

    return one


if __name__ == "__main__":
    race.run(prepare, fill)
