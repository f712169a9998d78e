"""Why each field of a user is what it is: who set it, when, and what it was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.events import RecordedEvent
from projections import directory, queries
from projections.directory import DIRECTORY
from projections.models import DirectoryEntry
from projections.queries import FIELDS, Chapter

CODE_LENGTH = 12  # of a digest, as people compare it


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A value that a field had, and the event that gave it."""

    value: str | None
    set_by: RecordedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One field.

    Attributes:
        value: What it is; None where there is no user.
        set_by: The event that made it so.
        replaced: What that event took the place of; None if there was nothing.
        earlier: All values before, newest first; *replaced* is the first of them.
    """

    name: str
    value: str | None
    set_by: RecordedEvent | None
    replaced: str | None
    earlier: Sequence[Earlier]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """One field that only the read model has.

    Attributes:
        set_by: The event that the value was taken from.
    """

    name: str
    value: Any
    set_by: RecordedEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A user, field by field.

    Attributes:
        derived: Fields of the read model alone.
        projection: Which makes them.
        code: Of that projection's code, the first of its digest; empty if unknown.
        events: How many events it used.
    """

    fields: Sequence[Explained]
    derived: Sequence[Derived]
    projection: str
    code: str
    events: int


def explain(told: Sequence[Chapter]) -> Explanation:
    """Return why a user is what the chapters *told*, and no later ones, led to."""
    return Explanation(
        fields=[_field(name, told) for name in FIELDS],
        derived=_derived([each.event for each in told]),
        projection=DIRECTORY.name,
        code=DIRECTORY.digest[:CODE_LENGTH],
        events=len(told),
    )


def _field(name: str, told: Sequence[Chapter]) -> Explained:
    steps = [
        Earlier(value=change.new, set_by=each.event)
        for each in told
        for change in each.changes
        if change.field == name
    ]
    state = told[-1].after if told else None
    value = None if state is None else str(getattr(state, name))
    set_by = queries.set_by(told).get(name)
    # Who erases somebody sets every field, also one that reads no other than before.
    if steps and steps[-1].set_by is set_by:
        steps.pop()
    earlier = steps[::-1]
    return Explained(
        name=name,
        value=value,
        set_by=set_by,
        replaced=earlier[0].value if earlier else None,
        earlier=earlier,
    )


def _derived(events: Sequence[RecordedEvent]) -> list[Derived]:
    names = [name for name in directory.FIELDS if name not in FIELDS]
    row: DirectoryEntry | None = None
    values: dict[str, Any] = {}
    set_by: dict[str, RecordedEvent] = {}
    for event in events:
        row = directory.project(row, event)
        for name in names:
            value = getattr(row, name, None)
            if value != values.get(name):
                values[name], set_by[name] = value, event
    return [
        Derived(name=name, value=values.get(name), set_by=set_by.get(name))
        for name in names
    ]
