"""One batch of a subscription: lease buckets, read, apply, move on, all or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from eventstore import checkpoints, faults, pacing, quarantine, store, tracing
from eventstore.events import RecordedEvent
from eventstore.repository import refuse_unreadable

BATCH_SIZE = 500  # events read a transaction, at most

Apply = Callable[[Sequence[RecordedEvent]], None]


@dataclass(frozen=True, slots=True)
class News:
    """The few events behind the watermark, read once for all who are nearly there.

    Attributes:
        after: Position, exclusive.
        mark: A watermark: every event between the two is here.
        events: Bucket and event, in order of position.
    """

    after: int
    mark: int
    events: Sequence[tuple[int, RecordedEvent]]


def read_news(*, after: int, mark: int) -> News | None:
    """Return what happened between two positions; None where that is no small batch."""
    everywhere = range(checkpoints.BUCKETS)
    read = store.read_all(
        after=after, until=mark, buckets=everywhere, limit=BATCH_SIZE + 1
    )
    return None if len(read) > BATCH_SIZE else News(after, mark, read)


def apply_news(name: str, apply: Apply, news: News) -> bool:
    """Apply what is new to *name*; False where it must be read once more.

    That is where it is too much for a batch, and where somebody was erased meanwhile.

    Leases the buckets in which something happened, at most half of them a transaction,
    and no others: quiet ones are moved on at the end, and where another worker holds
    them, it moves them itself.

    Raises:
        Exception: What :func:`go_on` sorts out; the batch was rolled back.
    """
    size = pacing.size(name, most=BATCH_SIZE)
    # Who was erased since must not be written by what was opened before.
    if len(news.events) > size or store.erased_after(news.mark):
        return False
    loud = sorted({bucket for bucket, _ in news.events})
    start = time.monotonic()
    for first in range(0, max(len(loud), 1), checkpoints.LEASED_BUCKETS):
        some = loud[first : first + checkpoints.LEASED_BUCKETS]
        with transaction.atomic():
            _apply_to(name, apply, news, some)
            if some == loud[first:]:
                checkpoints.advance_quiet(name, news.mark, loud, after=news.after)
    pacing.took(name, time.monotonic() - start, size=size, most=BATCH_SIZE)
    return True


def _apply_to(name: str, apply: Apply, news: News, buckets: Sequence[int]) -> None:
    leased = checkpoints.lease_those(name, news.mark, buckets, after=news.after)
    if leased:
        _apply_due(name, apply, leased, news.events)
        checkpoints.advance(name, leased, news.mark)


def go_on(name: str, apply: Apply, suspects: list[int]) -> bool:
    """Apply one batch of *name*, and return whether there may be another.

    Trouble of the installation is kept beside the checkpoint of the bucket it is in,
    which is found by trying the batch's buckets alone; a lost connection is raised.

    Args:
        name: The subscription.
        apply: What it does with events.
        suspects: Buckets to be tried alone; what is in trouble is added to them.
    """
    mark = store.watermark()
    alone = suspects.pop() if suspects else None
    leased: dict[int, int] = {}
    size, start = pacing.size(name, most=BATCH_SIZE), time.monotonic()
    try:
        with transaction.atomic():
            leased = (
                checkpoints.lease(name, mark)
                if alone is None
                else checkpoints.lease_one(name, mark, alone)
            )
            if leased:
                _apply_batch(name, apply, leased, mark, size)
    # A failing handler must not stop the other buckets, or other subscriptions.
    except Exception as error:
        if not leased or faults.is_lost_connection(error):
            raise
        if alone is None:
            suspects.extend(leased)
        else:
            checkpoints.keep_error(name, alone, leased[alone], error)
    else:
        if leased:
            seconds = time.monotonic() - start
            pacing.took(name, seconds, size=size, most=BATCH_SIZE)
        if alone is not None and leased:
            suspects.append(alone)  # it may have more than one batch to go
    return alone is not None or bool(leased)


def follow(name: str, apply: Apply, mark: int, *, seconds: float) -> bool:
    """Apply what is new up to the watermark *mark*; False when the time ran out first.

    The quick way for whoever knows that the subscription has begun, is not paused and
    has no trouble: no look at letters that are due.

    Raises:
        Exception: What :func:`go_on` sorts out; the batch was rolled back.
    """
    end = time.monotonic() + seconds
    done: set[int] = set()
    while True:
        size = pacing.size(name, most=BATCH_SIZE)
        start = time.monotonic()
        with transaction.atomic():
            leased = checkpoints.lease(name, mark)
            if not leased:
                return True
            is_full = _apply_batch(name, apply, leased, mark, size)
        now = time.monotonic()
        pacing.took(name, now - start, size=size, most=BATCH_SIZE)
        if not is_full:
            done |= leased.keys()
        if len(done) == checkpoints.BUCKETS:
            return True
        if now > end:
            return False


def _apply_batch(
    name: str, apply: Apply, leased: Mapping[int, int], mark: int, size: int
) -> bool:
    """Apply one batch, and return whether there may be more behind it."""
    read = store.read_all(
        after=min(leased.values()), until=mark, buckets=list(leased), limit=size
    )
    _apply_due(name, apply, leased, read)
    is_full = len(read) == size
    reached = read[-1][1].position if is_full else mark
    behind = {bucket: seen for bucket, seen in leased.items() if seen < reached}
    checkpoints.advance(name, behind, reached)
    return is_full


def _apply_due(
    name: str,
    apply: Apply,
    leased: Mapping[int, int],
    read: Sequence[tuple[int, RecordedEvent]],
) -> None:
    due = [
        event
        for bucket, event in read
        if bucket in leased and event.position > leased[bucket]
    ]
    refuse_unreadable(due)
    if due:
        about = {"annals.subscription": name, "annals.events": len(due)}
        with tracing.span(f"catch up {name}", about, events=due):
            quarantine.apply_sound(name, apply, due)
