"""Aggregates from the log: now, at a version, at an instant (time travel)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from eventstore import snapshots, store
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
        version: Events folded; 0 when there is none.  The version of *last*, unless an
            ``as_of`` left out or reordered events.
        last: The event that was last, which is why the state is what it is.
        unreadable: The first event this code has no class for, which the fold skipped.
        recorded_until: The latest instant at which one of the events was recorded.
    """

    state: State
    version: int
    last: RecordedEvent | None
    recorded_until: datetime | None = None
    unreadable: RecordedEvent | None = None

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
    """Return the state of one aggregate.

    Two queries, O(events since the newest snapshot); with *as_of* one, O(its events).

    Args:
        aggregate: The rules.
        identity: Which one.
        version: As it was at this version.
        at: As it was recorded at this instant, inclusive.
        as_of: As it was true at this instant, by ``occurred_at``, inclusive; what is
            known by *version* and *at* only, when those are given, too.
    """
    return load_stream(
        aggregate, aggregate.stream(identity), version=version, at=at, as_of=as_of
    )


def load_stream(
    aggregate: Aggregate[State, Command],
    stream: str,
    *,
    version: int | None = None,
    at: datetime | None = None,
    as_of: datetime | None = None,
    trust_snapshots: bool = True,
) -> Loaded[State]:
    """Return the state of the aggregate whose stream is *stream*; as :func:`load`.

    Args:
        aggregate: The rules.
        stream: Stream name.
        version: See :func:`load`.
        at: See :func:`load`.
        as_of: See :func:`load`.
        trust_snapshots: False to fold from the first event, come what may.
    """
    # A back-dated event belongs before events that any snapshot holds already, so what
    # was true at an instant is folded from the first event (ADR-0017).
    if as_of is None and trust_snapshots:
        return _fold(
            aggregate, snapshots.load(aggregate, stream, version=version, at=at)
        )
    events = store.read_stream(stream, to_version=version, at=at, as_of=as_of)
    if as_of is not None:
        events.sort(key=in_order_of_truth)
    return _fold(aggregate, snapshots.unfolded(aggregate, events))


def load_many(
    aggregate: Aggregate[State, Command], identities: Iterable[UUID]
) -> dict[UUID, Loaded[State]]:
    """Return the states of many aggregates, as :func:`load` would.

    Two queries for all of them, as a rule; O(events since the newest snapshots).
    """
    streams = {identity: aggregate.stream(identity) for identity in identities}
    tails = snapshots.load_many(aggregate, list(streams.values()))
    return {
        identity: _fold(aggregate, tails[stream])
        for identity, stream in streams.items()
    }


def in_order_of_truth(event: RecordedEvent) -> tuple[datetime, int]:
    """Return the key that sorts events by when they became true (ADR-0017)."""
    return event.occurred_at, event.version


def _fold(aggregate: Aggregate[State, Command], tail: snapshots.Tail) -> Loaded[State]:
    seen = [event.recorded_at for event in tail.events]
    if tail.recorded_until is not None:
        seen.append(tail.recorded_until)
    return Loaded(
        state=aggregate.fold((event.payload for event in tail.events), tail.state),
        version=tail.version + len(tail.events),
        last=tail.events[-1] if tail.events else tail.last,
        recorded_until=max(seen, default=None),
        unreadable=first_unreadable(tail.events),
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
        raise UnreadableEventError(
            event.position, event.type, event.schema_version, event.payload.problem
        )
