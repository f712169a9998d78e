"""What can be exported: kinds of rows, each read in order, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from eventstore import browser, codec
from eventstore.masking import person_of
from eventstore.searching import EventFilter
from eventstore.shown import instant, shown

NO_FILTER = "no filter"
Asked = Mapping[str, Any]  # a filter as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows, in the order of the file.

    Attributes:
        rows: As the API shows them, ``position`` among the fields.
        people: Streams of the persons they tell of.
        cursor: What to go on after; None at the end.
    """

    rows: Sequence[Mapping[str, Any]]
    people: Collection[str]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One thing that can be exported.

    Attributes:
        name: For addresses and the log.
        columns: Names of the fields of a row, in order.
        times: Those of them that are instants.
        read: Returns the batch behind a cursor: called with the filter, the cursor
            (empty at the beginning), the watermark of the export, how many rows at
            most, and whether persons are shown plainly.
        told_as: What the log calls the rows; the name when empty.
        masked: Returns a filter without what tells of a person.
    """

    name: str
    columns: Sequence[str]
    times: Collection[str]
    read: Callable[[Asked, str, int, int, bool], Batch]
    told_as: str = ""
    masked: Callable[[Asked], Asked] = dict

    def words(self, asked: Asked) -> str:
        """Return a filter as a query string that tells of no person."""
        return in_words(self.masked(asked))


def in_words(asked: Asked) -> str:
    """Return a filter as a query string; what asks nothing is left out."""
    told = {name: value for name, value in asked.items() if value}
    return urlencode(told, doseq=True, safe="():*@") or NO_FILTER


def events_asked(matching: EventFilter) -> dict[str, Any]:
    """Return a filter of events as JSON."""
    return {
        "stream": list(matching.streams),
        "type": list(matching.types),
        "actor": list(matching.actors),
        "source": list(matching.sources),
        "correlation": str(matching.correlation_id or ""),
        "from_position": str(matching.from_position or ""),
        "since": instant(matching.since.astimezone(UTC)) if matching.since else "",
        "until": instant(matching.until.astimezone(UTC)) if matching.until else "",
    }


def _matching(asked: Asked) -> EventFilter:
    first = asked.get("from_position")  # an old export had none
    return EventFilter(
        from_position=int(first) if first else None,
        streams=_some(asked["stream"]),
        types=_some(asked["type"]),
        actors=_some(asked["actor"]),
        sources=_some(asked["source"]),
        correlation_id=UUID(asked["correlation"]) if asked["correlation"] else None,
        since=datetime.fromisoformat(asked["since"]) if asked["since"] else None,
        until=datetime.fromisoformat(asked["until"]) if asked["until"] else None,
    )


def _some(asked: str | Sequence[str]) -> Sequence[str]:
    """Return all that was asked of one column; an old export asked for one, or ""."""
    return tuple(filter(None, [asked] if isinstance(asked, str) else asked))


def _read(asked: Asked, cursor: str, until: int, limit: int, personal: bool) -> Batch:  # noqa: FBT001 - see Kind
    found = browser.ascending(
        _matching(asked), after=int(cursor) if cursor else None, mark=until, limit=limit
    )
    return Batch(
        rows=[shown(event, personal=personal) for event in found.events],
        people={person_of(event) for event in found.events} if personal else (),
        cursor=str(found.reached) if found.is_full else None,
    )


def _read_audit(
    asked: Asked,
    cursor: str,
    until: int,
    limit: int,
    personal: bool,  # noqa: FBT001 - see Kind
) -> Batch:
    types = asked["type"] or codec.operators_types()
    return _read({**asked, "type": types}, cursor, until, limit, personal)


EVENT_COLUMNS = (
    "position",
    "stream",
    "version",
    "event_id",
    "type",
    "schema_version",
    "data",
    "actor",
    "source",
    "correlation_id",
    "causation_id",
    "metadata",
    "recorded_at",
    "occurred_at",
)
EVENT_TIMES = ("recorded_at", "occurred_at")

EVENTS = Kind(name="events", columns=EVENT_COLUMNS, times=EVENT_TIMES, read=_read)
# What operators did: the same rows for those who may see the audit.
AUDIT = Kind(
    name="audit",
    columns=EVENT_COLUMNS,
    times=EVENT_TIMES,
    read=_read_audit,
    told_as="audit entries",
)
