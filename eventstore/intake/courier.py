"""The subscription that maps what came in: run, paused and watched as any other."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from eventstore import codec
from eventstore.events import RecordedEvent
from eventstore.intake import mapping, raw
from eventstore.subscriptions import Courier


def note(events: Sequence[RecordedEvent]) -> None:
    """Delete what was received about whoever was erased; twice is as good as once."""
    erasing = set(codec.erasing_types())
    for event in events:
        if event.type in erasing:
            with transaction.atomic():
                raw.forget(event.stream)


INTAKE = Courier(
    name="intake",
    note=note,
    bring_due=mapping.map_due,
    is_due=mapping.is_due,
    forget=raw.forget,
)
