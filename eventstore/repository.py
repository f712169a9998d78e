"""Aggregates from the log: now, at a version, at an instant (time travel)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from eventstore import store
from eventstore.aggregate import Aggregate
from eventstore.errors import UnreadableEventError
from eventstore.events import RecordedEvent, UnknownEvent

State = TypeVar("State")
Command = TypeVar("Command")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[State]):
    """The state of one aggregate and what it rests on.

    Attributes:
        state: The fold; the aggregate's initial state when there is no event.
        version: Events folded; 0 when there is none.
        last: The event that was last, which is why the state is what it is.
        unreadable: The first event this code has no class for, which the fold skipped.
    """

    state: State
    version: int
    last: RecordedEvent | None
    unreadable: RecordedEvent | None

    @property
    def position(self) -> int:
        """Position of the last event; 0 when there is none."""
        return 0 if self.last is None else self.last.position


def load(
    aggregate: Aggregate[State, Command],
    identity: UUID,
    *,
    version: int | None = None,
    at: datetime | None = None,
    as_of: datetime | None = None,
) -> Loaded[State]:
    """Return the state of one aggregate.  One query; O(its events).

    Args:
        aggregate: The rules.
        identity: Which one.
        version: As it was at this version.
        at: As it was recorded at this instant, inclusive.
        as_of: As it was true at this instant, by ``occurred_at``, inclusive.
    """
    events = store.read_stream(
        aggregate.stream(identity), to_version=version, at=at, as_of=as_of
    )
    return Loaded(
        state=aggregate.fold(event.payload for event in events),
        version=len(events),
        last=events[-1] if events else None,
        unreadable=first_unreadable(events),
    )


def first_unreadable(events: Iterable[RecordedEvent]) -> RecordedEvent | None:
    """Return the first of *events* that this code has no class for, if there is one."""
    for event in events:
        if isinstance(event.payload, UnknownEvent):
            return event
    return None


def refuse_unreadable(events: Iterable[RecordedEvent]) -> None:
    """Go on only if this code can read all *events*.

    Raises:
        UnreadableEventError: It cannot read one of them.
    """
    if event := first_unreadable(events):
        raise UnreadableEventError(event.position, event.type, event.schema_version)
