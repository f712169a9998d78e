"""Compares snapshots with what they should be: the fold of the whole stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eventstore import repository, snapshots, vault
from eventstore.aggregate import Aggregate
from eventstore.errors import SealBrokenError
from eventstore.models import Snapshot
from eventstore.snapshot_projection import aggregates_with_snapshots

SAMPLE = 100  # snapshots looked at unless all are


def compare(*, size: int | None = SAMPLE) -> Iterator[tuple[str, bool]]:
    """Yield each snapshot's name and whether it is the fold of its stream.

    Each comparison reads a stream from its first event.  Snapshots that other code
    took are left out: no load uses them.

    Args:
        size: A random sample of so many of each aggregate; None for all of them.
    """
    for aggregate in aggregates_with_snapshots().values():
        found = Snapshot.objects.filter(
            stream__startswith=f"{aggregate.category}-",
            fingerprint=snapshots.fingerprint(aggregate),
        )
        chosen = found.order_by("pk") if size is None else found.order_by("?")[:size]
        for snapshot in chosen.iterator():
            yield str(snapshot), _is_right(aggregate, snapshot)


def _is_right(aggregate: Aggregate[Any, Any], snapshot: Snapshot) -> bool:
    truth = repository.load_stream(
        aggregate, snapshot.stream, version=snapshot.version, trust_snapshots=False
    )
    key = vault.find([snapshot.stream]).get(snapshot.stream)
    try:
        kept = snapshots.opened(snapshot.stream, snapshot.event_id, snapshot.state, key)
    except SealBrokenError:
        return False
    return (
        truth.last is not None
        and truth.last.event_id == snapshot.event_id
        and truth.recorded_until == snapshot.recorded_at
        and snapshots.encoded(truth.state) == kept
    )
