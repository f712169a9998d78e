"""An event as everybody outside is shown it: over REST, in the feed, by webhook."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from eventstore.events import RecordedEvent
from eventstore.masking import masked_event


def shown(event: RecordedEvent, *, personal: bool = True) -> dict[str, Any]:
    """Return *event* as an element of ``GET /api/v1/events``.

    Args:
        event: What to show.
        personal: Whether the reader may see persons' data; else it is masked, and the
            event says so.
    """
    if not personal:
        return shown(masked_event(event)) | {"masked": True}
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "event_id": str(event.event_id),
        "type": event.type,
        "schema_version": event.schema_version,
        "data": dict(event.data),
        "actor": event.actor,
        "source": event.source,
        "correlation_id": str(event.correlation_id),
        "causation_id": str(event.causation_id) if event.causation_id else None,
        "metadata": dict(event.metadata),
        "recorded_at": instant(event.recorded_at),
        "occurred_at": instant(event.occurred_at),
    }


def instant(value: datetime) -> str:
    """Return an aware UTC instant as RFC 3339, with Z."""
    return value.isoformat().replace("+00:00", "Z")
