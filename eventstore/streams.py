"""One stream of any kind: its head, its snapshots, and its state at two versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast, Length

from eventstore import repository, snapshots, store
from eventstore.events import RecordedEvent
from eventstore.models import Snapshot, StoredEvent
from eventstore.reading import COLUMNS, recorded
from eventstore.snapshot_projection import aggregates_with_snapshots

PAGE = 100  # events


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPage:
    """Some events of a stream.

    Attributes:
        first: The stream's first event.
        head: Its newest; ``head.version`` is the number of its events.
        events: Newest first.
        is_last: Whether nothing older comes after them.
    """

    first: RecordedEvent
    head: RecordedEvent
    events: Sequence[RecordedEvent]
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One snapshot.

    Attributes:
        size: Of its state, in characters of JSON.
        is_current: Whether it was made by the code that runs now.
    """

    version: int
    taken_at: Any
    size: int
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One field of the state at two versions; None stands for "there was none".

    Attributes:
        set_by: The event in between that set it last; None when none did.
    """

    name: str
    old: Any
    new: Any
    set_by: RecordedEvent | None

    @property
    def differs(self) -> bool:
        """Whether the two are not the same."""
        return bool(self.old != self.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two versions of a state.

    Attributes:
        state: The newer one, as JSON values; None before the first event.
    """

    fields: Sequence[Compared]
    state: Any


def read(
    stream: str, *, before: int | None = None, limit: int = PAGE
) -> StreamPage | None:
    """Return up to *limit* events of *stream*, newest first; None when it has none.

    Four queries; O(limit) at any depth.

    Args:
        stream: Stream name.
        before: Only below this version.
        limit: At most so many.
    """
    rows = StoredEvent.objects.filter(stream=stream).values_list(*COLUMNS)
    first, head = rows.order_by("version")[:1], rows.order_by("-version")[:1]
    below = rows if before is None else rows.filter(version__lt=before)
    ends = [*first, *head]
    if not ends:
        return None
    begun, newest, *events = recorded([*ends, *below.order_by("-version")[:limit]])
    return StreamPage(
        first=begun,
        head=newest,
        events=events,
        is_last=not events or events[-1].version == begun.version,
    )


def has_events(stream: str) -> bool:
    """Return whether anything was ever recorded in *stream*."""
    return StoredEvent.objects.filter(stream=stream).exists()


def snapshots_of(stream: str) -> list[Kept]:
    """Return the snapshots of *stream*, newest version first.  One query."""
    aggregate = aggregates_with_snapshots().get(_category(stream))
    current = aggregate and snapshots.fingerprint(aggregate)
    found = Snapshot.objects.filter(stream=stream).annotate(
        size=Length(Cast("state", TextField()))
    )
    return [
        Kept(
            version=each.version,
            taken_at=each.taken_at,
            size=each.size,
            is_current=each.fingerprint == current,
        )
        for each in found.order_by("-version", "-id")
    ]


def compare(stream: str, old: int, new: int) -> Comparison | None:
    """Return the state at version *old* beside the one at version *new*.

    None for a kind of stream that no aggregate folds.  O(events in between), after
    those since the last snapshot.

    Args:
        stream: Stream name.
        old: A version; 0 for "before the first event".
        new: A version, not below *old*.
    """
    aggregate = aggregates_with_snapshots().get(_category(stream))
    if aggregate is None:
        return None
    state = repository.load_stream(aggregate, stream, version=old).state
    was = now = _fields(state)
    set_by: dict[str, RecordedEvent] = {}
    for event in store.read_stream(stream, from_version=old + 1, to_version=new):
        state = aggregate.fold([event.payload], state)
        before, now = now, _fields(state)
        changed = [name for name in now if now[name] != before.get(name)]
        set_by.update(dict.fromkeys(changed, event))
    fields = [
        Compared(
            name=name,
            old=was.get(name),
            new=now.get(name),
            set_by=set_by.get(name),
        )
        for name in {**was, **now}
    ]
    return Comparison(fields=fields, state=snapshots.encoded(state))


def _fields(state: object) -> dict[str, Any]:
    encoded = snapshots.encoded(state)
    return encoded if isinstance(encoded, dict) else {}


def _category(stream: str) -> str:
    return stream.partition("-")[0]
