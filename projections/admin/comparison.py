"""A user's row of the directory beside what the log leads to, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eventstore.events import RecordedEvent
from projections import directory
from projections.directory import FIELDS
from projections.models import DirectoryEntry
from users.events import UserErased


class Verdict(StrEnum):
    """What the comparison comes to."""

    AGREES = "agrees"
    BEHIND = "behind"  # right as far as it has come
    DISAGREES = "disagrees"
    MISSING = "missing"  # no row, though all events were passed by
    ORPHANED = "orphaned"  # a row of which the log knows nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One field of the row and of the log.

    Attributes:
        differs: Whether the two are not the same, also where they are masked.
    """

    name: str
    row: Any
    log: Any
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A row and the log.

    Attributes:
        newer: Events the row has not seen.
    """

    verdict: Verdict
    newer: int
    fields: Sequence[Compared]

    @property
    def is_behind(self) -> bool:
        """Return whether the read model has yet to come to what the log says."""
        return self.verdict in (Verdict.BEHIND, Verdict.MISSING)


def compare(
    row: DirectoryEntry | None,
    events: Sequence[RecordedEvent],
    *,
    reached: int,
) -> Comparison:
    """Return *row* beside the fold of *events*, the user's whole stream.

    Read in the order of the arguments below, the three never lead to a false alarm: the
    row moves with its position, so it is at least there, and the log knows all that the
    row has seen.

    Args:
        reached: How far the directory had come with the stream before *row* was read.
        row: Of the directory.
        events: In order of version, from the first; read after *row*.
    """
    return Comparison(
        verdict=_verdict(row, events, reached),
        newer=len(events) - (0 if row is None else row.version),
        fields=_beside(row, directory.fold(events)),
    )


def _verdict(
    row: DirectoryEntry | None,
    events: Sequence[RecordedEvent],
    reached: int,
) -> Verdict:
    derived = directory.fold(events)
    if row is None:
        if not derived:
            return Verdict.AGREES
        is_passed_by = reached >= events[0].position
        return Verdict.MISSING if is_passed_by else Verdict.BEHIND
    if derived is None:
        return Verdict.BEHIND if _is_to_be_erased(events, reached) else Verdict.ORPHANED
    seen = events[: max(row.version, 0)]
    if any(field.differs for field in _beside(row, directory.fold(seen))):
        return Verdict.DISAGREES
    later = events[row.version :]
    if not later:
        return Verdict.AGREES
    is_passed_by = reached >= later[0].position
    return Verdict.DISAGREES if is_passed_by else Verdict.BEHIND


def _is_to_be_erased(events: Sequence[RecordedEvent], reached: int) -> bool:
    if not events or not isinstance(events[-1].payload, UserErased):
        return False
    return reached < events[-1].position


def _beside(
    row: DirectoryEntry | None, derived: DirectoryEntry | None
) -> list[Compared]:
    values = {name: (_value(row, name), _value(derived, name)) for name in FIELDS}
    return [
        Compared(name=name, row=now, log=told, differs=now != told)
        for name, (now, told) in values.items()
    ]


def _value(row: DirectoryEntry | None, name: str) -> Any:
    return None if row is None else getattr(row, name)
