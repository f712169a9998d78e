"""Aggregates from the log: now, at a version, at an instant (time travel)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from eventstore import store
from eventstore.aggregate import Aggregate
from eventstore.events import RecordedEvent

State = TypeVar("State")
Command = TypeVar("Command")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[State]):
    """The state of one aggregate and what it rests on.

    Attributes:
        state: The fold; the aggregate's initial state when there is no event.
        version: Events folded; 0 when there is none.
        last: The event that was last, which is why the state is what it is.
    """

    state: State
    version: int
    last: RecordedEvent | None

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
    )
