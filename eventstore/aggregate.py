"""State as a fold of events: two functions, no base class (ADR-0003)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

State = TypeVar("State")
Command = TypeVar("Command")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aggregate(Generic[State, Command]):
    """The pure rules of one kind of thing.

    Attributes:
        category: First part of its streams' names.
        initial: State before the first event.
        decide: ``(state, command) -> events``; raises a refusal, reads no clock.
        evolve: ``(state, event) -> state``; total, ignores events it does not know.
        state_type: What a state is, as msgspec reads it, for example ``User | None``;
            left out, the aggregate has no snapshots.
    """

    category: str
    initial: State
    decide: Callable[[State, Command], Sequence[object]]
    evolve: Callable[[State, Any], State]
    state_type: Any = None

    def stream(self, identity: UUID) -> str:
        """Return the name of the stream of one aggregate."""
        return f"{self.category}-{identity}"

    def fold(self, payloads: Iterable[object], state: State | None = None) -> State:
        """Replay *payloads*, oldest first, from *state* or from the beginning."""
        folded = self.initial if state is None else state
        for payload in payloads:
            folded = self.evolve(folded, payload)
        return folded
