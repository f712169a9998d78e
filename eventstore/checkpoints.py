"""How far each subscription has come in each bucket of streams: lease, advance, keep.

A lease is a row lock: it ends with its transaction, so a killed worker frees its
buckets at once (ADR-0016).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import (
    Func,
    Min,
    OuterRef,
    SmallIntegerField,
    Subquery,
    Value,
)
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import faults, store, wire
from eventstore.errors import CheckpointMovedError, EventStoreError
from eventstore.models import Checkpoint, DeadLetter

logger = logging.getLogger(__name__)

BUCKETS = 16  # fixed by event_bucket_v1; changing it is a migration
LEASED_BUCKETS = 8  # buckets a transaction takes, so that two workers run side by side
RETRY_SECONDS = 10  # between two tries of a bucket that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where a subscription stands.

    Attributes:
        position: Everything at or below is applied, in every bucket, but for streams
            set aside: see :func:`complete`.
        error: What stops it in one of them, empty when nothing does.
        letters: Streams set aside with an open dead letter.
        filled_by: Digest of the code that filled its read model, if that was noted.
    """

    position: int
    error: str
    letters: int = 0
    filled_by: str = ""


NOWHERE = Reached(position=0, error="")


def lease(name: str, mark: int) -> dict[int, int]:
    """Lease free, healthy buckets behind *mark*; return the position each has come to.

    Must run in a transaction; empty when there is nothing to do.

    Args:
        name: The subscription.
        mark: A watermark.
    """
    return _locked("lease_buckets", name, mark, size=LEASED_BUCKETS)


def lease_those(
    name: str, mark: int, buckets: Sequence[int], *, after: int
) -> dict[int, int]:
    """Lease those of *buckets* that are free, healthy and at *after* or beyond."""
    some = list(buckets)
    return _locked("lease_those_buckets", name, mark, buckets=some, after=after)


def advance_quiet(name: str, mark: int, loud: Sequence[int], *, after: int) -> None:
    """Move all but the *loud* buckets to *mark*, for nothing happened since *after*.

    What others hold, what failed and what stands before *after* stays where it is.
    """
    wanted = {"subscription": name, "watermark": mark, "buckets": list(loud)}
    wire.rows("advance_quiet_buckets", {**wanted, "after": after})


def lease_one(name: str, mark: int, bucket: int) -> dict[int, int]:
    """Lease *bucket* alone, healthy or not, if it is free and behind *mark*."""
    return _locked("lease_bucket", name, mark, bucket=bucket)


def due_again(name: str) -> list[int]:
    """Return the buckets that failed, and long enough ago to be tried once more."""
    before = Now() - timedelta(seconds=RETRY_SECONDS)
    failed = Checkpoint.objects.filter(subscription=name, failed_at__lt=before)
    return list(failed.order_by("failed_at").values_list("bucket", flat=True))


def advance(name: str, seen: Mapping[int, int], reached: int) -> None:
    """Move leased checkpoints to *reached*, each only from the position it was seen at.

    Raises:
        CheckpointMovedError: Somebody else moved one.
    """
    parameters: dict[str, Any] = {
        "subscription": name,
        "buckets": list(seen),
        "positions": list(seen.values()),
        "position": reached,
    }
    if len(wire.rows("advance_checkpoints", parameters)) != len(seen):
        raise CheckpointMovedError(name)


def ensure(name: str, position: int = 0) -> bool:
    """Make the checkpoints of *name* at *position*, where missing; say if any were."""
    if Checkpoint.objects.filter(subscription=name).count() == BUCKETS:
        return False
    now = timezone.now()
    Checkpoint.objects.bulk_create(
        [
            Checkpoint(
                subscription=name, bucket=bucket, position=position, moved_at=now
            )
            for bucket in range(BUCKETS)
        ],
        ignore_conflicts=True,
    )
    return True


def hold(name: str, stream: str) -> None:
    """Wait until no worker holds the bucket of *stream*, and hold it.

    Must run in a transaction; the bucket is free again when it ends.
    """
    ensure(name)
    held_at(name, stream, wait=True)


def held_at(name: str, stream: str, *, wait: bool) -> int | None:
    """Hold the bucket of *stream* and return its position; None if a worker holds it.

    Must run in a transaction.

    Args:
        name: The subscription; it has begun.
        stream: Stream name.
        wait: Wait for whoever holds it, so that the answer is a position.
    """
    mine = Checkpoint.objects.filter(subscription=name, bucket=_bucket_of(stream))
    held = mine.select_for_update(skip_locked=not wait)
    return held.values_list("position", flat=True).first()


def hold_all(names: Sequence[str], streams: Sequence[str]) -> None:
    """Wait until no worker holds a bucket of *streams*, and hold them all.

    Must run in a transaction.  Two that hold many take them in the same order.
    """
    for name in names:
        ensure(name)
    buckets = {store.bucket_of(stream) for stream in streams}
    wanted = Checkpoint.objects.filter(subscription__in=names, bucket__in=buckets)
    list(wanted.order_by("subscription", "bucket").select_for_update())


def keep_error(name: str, bucket: int, seen: int, error: Exception) -> None:
    """Note what stopped *bucket* at *seen*; the bucket's next success clears it.

    Other errors' messages may quote a person's data; the class and the place never do.
    """
    is_ours = isinstance(error, EventStoreError)
    what = f"{type(error).__name__}: {error}" if is_ours else faults.described(error)
    # The lease is gone: another worker may have come past already.
    Checkpoint.objects.filter(subscription=name, bucket=bucket, position=seen).update(
        error=what, failed_at=Now()
    )
    logger.error(
        "catch up failed",
        extra={"subscription": name, "bucket": bucket, "error": what},
    )


def reached() -> dict[str, Reached]:
    """Return where each subscription stands.  One query."""
    return {
        name: Reached(
            position=position, error=error, letters=letters, filled_by=filled_by
        )
        for name, position, error, letters, filled_by in wire.rows("reached", {})
    }


def every() -> list[Checkpoint]:
    """Return the checkpoints of all subscriptions, by name and bucket.  One query."""
    return list(Checkpoint.objects.order_by("subscription", "bucket"))


def positions(name: str) -> dict[int, int]:
    """Return how far *name* has come in each bucket; empty when it never began."""
    rows = Checkpoint.objects.filter(subscription=name)
    return dict(rows.values_list("bucket", "position"))


def complete(name: str) -> int:
    """Return the position up to which *name* applied everything, in every stream.

    That is the least of its buckets, or just before its oldest open dead letter; 0
    when it never began.  One query.
    """
    letters = DeadLetter.objects.filter(subscription=name, closed_at=None)
    oldest = letters.values("subscription").annotate(least=Min("position"))
    found = (
        Checkpoint.objects.filter(subscription=name)
        .values("subscription")
        .annotate(least=Min("position"), stuck_at=Subquery(oldest.values("least")))
        .order_by("subscription")
        .first()
    )
    if found is None:
        return 0
    least: int = found["least"]
    stuck_at: int | None = found["stuck_at"]
    return least if stuck_at is None else min(least, stuck_at - 1)


def reached_for(stream: str) -> dict[str, Reached]:
    """Return where each subscription stands with *stream*.  One query.

    That is where its bucket is, or just before the stream's dead letter.
    """
    letter = DeadLetter.objects.filter(
        subscription=OuterRef("subscription"), stream=stream, closed_at=None
    )
    found = Checkpoint.objects.filter(bucket=_bucket_of(stream)).annotate(
        stuck_at=Subquery(letter.values("position")),
        fault=Subquery(letter.values("error")),
    )
    return {
        row.subscription: Reached(position=row.position, error=row.error)
        if row.stuck_at is None
        else Reached(position=row.stuck_at - 1, error=row.fault)
        for row in found
    }


def reached_with(stream: str, names: Sequence[str]) -> dict[str, int]:
    """Return how far each of *names* has come with *stream*; 0 when it never began.

    One query.

    Args:
        stream: Stream name; what counts is its bucket.
        names: Subscriptions.
    """
    known = reached_for(stream)
    return {name: known.get(name, NOWHERE).position for name in names}


def reached_by(
    names: Sequence[str], streams: Sequence[str]
) -> dict[tuple[str, str], int]:
    """Return how far each of *names* has come with each of *streams*.

    Two queries.  Equal answers before and after a look at a read model say that its
    rows did not move in between.
    """
    found = Checkpoint.objects.filter(subscription__in=names)
    positions = {
        (name, bucket): position
        for name, bucket, position in found.values_list(
            "subscription", "bucket", "position"
        )
    }
    stuck = DeadLetter.objects.filter(
        subscription__in=names, stream__in=streams, closed_at=None
    )
    reached = {
        (name, stream): positions.get((name, store.bucket_of(stream)), 0)
        for name in names
        for stream in streams
    }
    for name, stream, position in stuck.values_list(
        "subscription", "stream", "position"
    ):
        reached[name, stream] = min(reached[name, stream], position - 1)
    return reached


def _bucket_of(stream: str) -> Func:
    return Func(
        Value(stream), function="event_bucket_v1", output_field=SmallIntegerField()
    )


def _locked(statement: str, name: str, mark: int, **wanted: Any) -> dict[int, int]:
    parameters: dict[str, Any] = {"subscription": name, "watermark": mark, **wanted}
    return dict(wire.rows(statement, parameters))
