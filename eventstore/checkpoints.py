"""How far each subscription has come in each bucket of streams: lease, advance, keep.

A lease is a row lock: it ends with its transaction, so a killed worker frees its
buckets at once (ADR-0016).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max, Min
from django.utils import timezone

from eventstore import sql
from eventstore.errors import CheckpointMovedError, EventStoreError
from eventstore.models import Checkpoint

logger = logging.getLogger(__name__)

BUCKETS = 16  # fixed by event_bucket_v1; changing it is a migration
LEASED_BUCKETS = 8  # buckets a transaction takes, so that two workers run side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where a subscription stands.

    Attributes:
        position: Everything at or below is applied, in every bucket.
        error: What stops it in one of them, empty when nothing does.
    """

    position: int
    error: str


NOWHERE = Reached(position=0, error="")


def lease(name: str, mark: int, *, stuck: Collection[int]) -> dict[int, int]:
    """Lease free buckets behind *mark* and return the position each has come to.

    Several healthy ones at once; those that failed one at a time and after them, so
    that an event nobody can apply holds up its own bucket only.  Must run in a
    transaction; empty when there is nothing to do.

    Args:
        name: The subscription.
        mark: A watermark.
        stuck: Buckets to leave alone.
    """
    wanted: dict[str, Any] = {"subscription": name, "watermark": mark}
    wanted["stuck"] = list(stuck)
    healthy = wanted | {"failed": False, "size": LEASED_BUCKETS}
    return _locked(healthy) or _locked(wanted | {"failed": True, "size": 1})


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
    with connection.cursor() as cursor:
        cursor.execute(sql.load("advance_checkpoints"), parameters)
        if cursor.rowcount != len(seen):
            raise CheckpointMovedError(name)


def ensure(name: str) -> None:
    """Make the checkpoints of *name* at the beginning of the log, where missing."""
    if Checkpoint.objects.filter(subscription=name).count() == BUCKETS:
        return
    now = timezone.now()
    Checkpoint.objects.bulk_create(
        [
            Checkpoint(subscription=name, bucket=bucket, position=0, moved_at=now)
            for bucket in range(BUCKETS)
        ],
        ignore_conflicts=True,
    )


def hold(name: str, stream: str) -> None:
    """Wait until no worker holds the bucket of *stream*, and hold it.

    Must run in a transaction; the bucket is free again when it ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_bucket_v1(%s)", [stream])
        bucket: int = cursor.fetchone()[0]
    ensure(name)
    Checkpoint.objects.select_for_update().get(subscription=name, bucket=bucket)


def keep_error(name: str, buckets: Collection[int], error: Exception) -> None:
    """Note beside the checkpoints what stopped *buckets*; their next success clears it.

    Other errors' messages may quote a person's data; the class and the place never do.
    """
    if isinstance(error, EventStoreError):
        what = f"{type(error).__name__}: {error}"
    else:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        file = frame.filename.rpartition("/")[2]
        what = f"{type(error).__name__} at {file}:{frame.lineno}"
    Checkpoint.objects.filter(subscription=name, bucket__in=buckets).update(
        error=what, failed_at=timezone.now()
    )
    logger.error(
        "catch up failed",
        extra={"subscription": name, "buckets": sorted(buckets), "error": what},
    )


def reached() -> dict[str, Reached]:
    """Return where each subscription stands.  One query."""
    found = Checkpoint.objects.values("subscription").annotate(
        least=Min("position"), worst=Max("error")
    )
    return {
        row["subscription"]: Reached(position=row["least"], error=row["worst"])
        for row in found
    }


def _locked(parameters: dict[str, Any]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(sql.load("lease_buckets"), parameters)
        return dict(cursor.fetchall())
