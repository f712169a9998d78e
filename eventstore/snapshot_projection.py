"""Takes the snapshots: a subscription, so never in a command's way and never lost.

It reads the log behind its own checkpoints like any projection.  A stream that passed a
multiple of ``SNAPSHOT_EVERY`` in a batch is loaded at that version (its previous
snapshot and what came since) and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings

from eventstore import repository, snapshots
from eventstore.aggregate import Aggregate
from eventstore.events import RecordedEvent
from eventstore.subscriptions import Projection, all_subscriptions

NAME = "snapshots"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotProjection(Projection):
    """Keeps the folds of some aggregates.

    Attributes:
        aggregates: Whose.
    """

    aggregates: Sequence[Aggregate[Any, Any]]


def snapshots_of(*aggregates: Aggregate[Any, Any]) -> SnapshotProjection:
    """Return the subscription that takes the snapshots of *aggregates*."""
    return SnapshotProjection(
        name=NAME,
        apply=partial(_apply, aggregates),
        forget=snapshots.discard,
        aggregates=aggregates,
    )


def aggregates_with_snapshots() -> dict[str, Aggregate[Any, Any]]:
    """Return the aggregates listed in ``config/subscriptions.py``, by category."""
    return {
        aggregate.category: aggregate
        for subscription in all_subscriptions()
        if isinstance(subscription, SnapshotProjection)
        for aggregate in subscription.aggregates
    }


def _apply(
    aggregates: Sequence[Aggregate[Any, Any]], events: Sequence[RecordedEvent]
) -> None:
    by_category = {aggregate.category: aggregate for aggregate in aggregates}
    for stream, version in _due(events).items():
        aggregate = by_category.get(stream.partition("-")[0])
        if aggregate is not None:
            _take(aggregate, stream, version)


def _due(events: Sequence[RecordedEvent]) -> dict[str, int]:
    """Return, for each stream, the last version in *events* to be kept."""
    every = settings.SNAPSHOT_EVERY
    return {
        event.stream: event.version for event in events if event.version % every == 0
    }


def _take(aggregate: Aggregate[Any, Any], stream: str, version: int) -> None:
    loaded = repository.load_stream(aggregate, stream, version=version)
    if loaded.last is None or loaded.recorded_until is None:
        return
    snapshots.take(
        aggregate,
        stream,
        state=loaded.state,
        version=loaded.version,
        event_id=loaded.last.event_id,
        recorded_until=loaded.recorded_until,
    )
