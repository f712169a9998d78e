"""Which events came in by an import: history, and no news to reactors (ADR-0019)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils import timezone

from eventstore.events import RecordedEvent
from eventstore.models import ImportedRange


def mark_imported(positions: Sequence[int]) -> None:
    """Mark *positions*, ascending, as imported.

    Must run in the transaction that stores their events: no reader ever sees an
    imported event that is not marked.
    """
    now = timezone.now()
    ImportedRange.objects.bulk_create(
        [
            ImportedRange(first_position=first, last_position=last, imported_at=now)
            for first, last in _runs(positions)
        ]
    )


def without_imported(events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Return *events*, in order of position, less the imported ones.  One query."""
    if not events:
        return []
    ranges = ImportedRange.objects.filter(
        first_position__lte=events[-1].position,
        last_position__gte=events[0].position,
    ).values_list("first_position", "last_position")
    imported = [range(first, last + 1) for first, last in ranges]
    return [
        event for event in events if not any(event.position in run for run in imported)
    ]


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    # Live appends draw from the same sequence, so a batch may have come in pieces.
    first = last = positions[0]
    for position in positions[1:]:
        if position != last + 1:
            yield first, last
            first = position
        last = position
    yield first, last
