"""One business conversation as a tree: command, events, what those events caused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from eventstore import store
from eventstore.events import RecordedEvent
from eventstore.models import StoredEvent
from eventstore.reading import COLUMNS, recorded
from eventstore.vault import Keys

MAX_EVENTS = 200  # of one conversation, unless told otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One event of a conversation.

    Attributes:
        depth: 0 when a command caused it, or nothing known; else one more than its
            cause's.
        cause: Position of the event that caused it; None when none of this
            conversation did, and ``event.causation_id`` is a command's id, if any.
    """

    event: RecordedEvent
    depth: int
    cause: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The events of one correlation id.

    Attributes:
        nodes: Each cause before what it caused; siblings in order of position.
        is_cut: Whether there are more events than shown.
    """

    correlation_id: UUID
    nodes: Sequence[Node]
    is_cut: bool


def conversation(
    correlation_id: UUID,
    *,
    limit: int = MAX_EVENTS,
    mark: int | None = None,
    keys: Keys | None = None,
) -> Conversation:
    """Return the first *limit* events of a conversation as a tree; no node when none.

    Three queries at most; carried by ``events_correlation``.

    Args:
        correlation_id: Of the conversation.
        limit: At most so many events.
        mark: A watermark read before; None reads it.
        keys: Of subjects, found a moment ago.
    """
    mark = store.watermark() if mark is None else mark
    rows = (
        StoredEvent.objects.filter(correlation_id=correlation_id, position__lte=mark)
        .order_by("position")
        .values_list(*COLUMNS)[: limit + 1]
    )
    events = recorded(rows, keys)
    return Conversation(
        correlation_id=correlation_id,
        nodes=list(_tree(events[:limit])),
        is_cut=len(events) > limit,
    )


def caused_by(causation_id: UUID) -> list[RecordedEvent]:
    """Return what a command or an event caused directly, in order of position.

    One query, below the watermark or not; carried by ``events_causation``.
    """
    rows = StoredEvent.objects.filter(causation_id=causation_id).order_by("position")
    return recorded(rows.values_list(*COLUMNS))


def _tree(events: Sequence[RecordedEvent]) -> Iterator[Node]:
    by_id = {event.event_id: event for event in events}
    caused: dict[int | None, list[RecordedEvent]] = defaultdict(list)
    for event in events:
        cause = by_id.get(event.causation_id) if event.causation_id else None
        # A cause comes first; anything else is a slip that must not become a circle.
        is_known = cause is not None and cause.position < event.position
        caused[cause.position if cause and is_known else None].append(event)
    todo = [Node(event=event, depth=0, cause=None) for event in caused[None]]
    while todo:
        node = todo.pop(0)
        yield node
        place = node.event.position
        todo[:0] = [
            Node(event=event, depth=node.depth + 1, cause=place)
            for event in caused[place]
        ]
