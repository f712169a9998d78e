"""What operators do about events that a subscription could not apply; all audited."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet, Window
from django.db.models.functions import Now

from eventstore import (
    doorbell,
    faults,
    pauses,
    quarantine,
    reasons,
    store,
    subscriptions,
)
from eventstore.errors import (
    EventStoreError,
    LetterClosedError,
    LetterNotTriedError,
    SubscriptionPausedError,
)
from eventstore.events import ANY
from eventstore.models import DeadLetter, StoredEvent
from eventstore.subscription_events import CATEGORY, RETRIED, EventSkipped

logger = logging.getLogger(__name__)

CANARY = 5  # letters of a group tried first
SHOWN = 200  # letters listed at most

State = DeadLetter.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Open letters with one fingerprint: one subscription, class and place.

    Attributes:
        error: Class and place, as one of them says.
        letters: How many; each holds up one stream.
        parked: How many of those wait for an operator.
        sample: The letter that failed last.
        is_code_changed: Whether that one failed in code that is another one now.
    """

    fingerprint: str
    subscription: str
    error: str
    letters: int
    parked: int
    first_failed_at: datetime
    last_failed_at: datetime
    sample: DeadLetter
    is_code_changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of some letters that were tried.

    Attributes:
        applied: Letters whose event is applied.
        failed: Letters whose event failed once more.
    """

    applied: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one subscription keeps back, or left out, of one stream.

    Attributes:
        letter: Number of the open letter; None when there is none.
        waiting: Events that wait: the letter's own and all after it.
        skipped: Events that an operator gave up.
    """

    subscription: str
    letter: int | None
    waiting: int
    skipped: int


def of_stream(stream: str, *, head: int) -> list[Held]:
    """Return what of *stream* was held up or skipped, by subscription.  One query.

    Args:
        stream: Stream name.
        head: Its version.
    """
    found = DeadLetter.objects.filter(stream=stream).exclude(state=State.APPLIED)
    by_name: dict[str, list[DeadLetter]] = {}
    for each in found.order_by("subscription"):
        by_name.setdefault(each.subscription, []).append(each)
    return [_held(name, letters, head) for name, letters in by_name.items()]


def still_open() -> QuerySet[DeadLetter]:
    """Return the open letters of all subscriptions, in no order."""
    return DeadLetter.objects.filter(closed_at=None)


def groups() -> list[Group]:
    """Return the open letters by fingerprint, the newest trouble first.  One query."""
    kinds = [F("subscription"), F("fingerprint")]
    found = (
        still_open()
        .annotate(
            letters=Window(Count("pk"), partition_by=kinds),
            parked=Window(
                Count("pk", filter=Q(state=State.PARKED)), partition_by=kinds
            ),
            first=Window(Min("first_failed_at"), partition_by=kinds),
        )
        .order_by("subscription", "fingerprint", "-last_failed_at", "-pk")
        .distinct("subscription", "fingerprint")
    )
    newest = sorted(found, key=lambda each: each.fingerprint)
    newest.sort(key=lambda each: each.last_failed_at, reverse=True)
    return [
        Group(
            fingerprint=sample.fingerprint,
            subscription=sample.subscription,
            error=sample.error,
            letters=sample.letters,
            parked=sample.parked,
            first_failed_at=sample.first,
            last_failed_at=sample.last_failed_at,
            sample=sample,
            is_code_changed=bool(quarantine.changed_code(sample)),
        )
        for sample in newest
    ]


def of_group(fingerprint: str = "") -> list[DeadLetter]:
    """Return the open letters of one group, or of all, oldest first; at most 200."""
    found = DeadLetter.objects.filter(closed_at=None)
    if fingerprint:
        found = found.filter(fingerprint=fingerprint)
    return list(found.order_by("first_failed_at", "pk")[:SHOWN])


def numbered(number: int) -> DeadLetter:
    """Return one letter, open or closed.

    Raises:
        LetterClosedError: There is none.
    """
    found = DeadLetter.objects.filter(pk=number).first()
    if found is None:
        raise LetterClosedError(number)
    return found


def waiting_behind(letter: DeadLetter) -> int:
    """Return how many later events of its stream wait for an open letter."""
    later = StoredEvent.objects.filter(stream=letter.stream, version__gt=letter.version)
    return later.count() if letter.closed_at is None else 0


def retry(number: int) -> DeadLetter | None:
    """Try one letter now, and what waits behind it; return the letter left open.

    Atomic.  None when the stream keeps up again.

    Raises:
        LetterClosedError: It was applied or skipped already.
        LetterNotTriedError: The installation is to blame.
        SubscriptionPausedError: Its subscription is.
    """
    with _told_apart(), transaction.atomic():
        letter, reached = _taken(number)
        pauses.tell(letter.subscription, RETRIED, f"event #{letter.position}")
        subscription = subscriptions.find(letter.subscription)
        return quarantine.work_off(letter, subscription.apply, reached=reached)


def retry_first(fingerprint: str, *, most: int = CANARY) -> Outcome:
    """Try the oldest letters of a group, each by itself; the others stay as they are.

    Raises:
        SubscriptionPausedError: Their subscription is.
    """
    applied = failed = 0
    for letter in of_group(fingerprint)[:most]:
        try:
            left = retry(letter.pk)
        except LetterClosedError:  # somebody else was faster
            continue
        except SubscriptionPausedError:
            raise
        except EventStoreError as error:
            logger.warning("letter not tried", extra={"error": str(error)})
            failed += 1
            continue
        is_stuck = left is not None and left.position == letter.position
        applied, failed = applied + (not is_stuck), failed + is_stuck
    return Outcome(applied=applied, failed=failed)


def retry_group(fingerprint: str, *, reason: str = "") -> int:
    """Have the workers try every letter of a group soon; return how many.

    One that was parked and fails once more waits for an operator again.
    """
    with transaction.atomic():
        mine = DeadLetter.objects.filter(closed_at=None, fingerprint=fingerprint)
        name = mine.values_list("subscription", flat=True).first()
        if name is None:
            return 0
        count = mine.update(state=State.WAITING, next_attempt_at=Now())
        told = reasons.proper(reason)
        why = f": {told}" if told else ""
        pauses.tell(name, RETRIED, f"{count} events of group {fingerprint}{why}")
        doorbell.ring_after_commit()
        return count


def skip(number: int, *, reason: str) -> DeadLetter | None:
    """Give the letter's event up and apply what waits behind it; as :func:`retry`.

    Recorded as :class:`EventSkipped`.

    Raises:
        LetterClosedError: It was applied or skipped already.
        NoReasonError: *reason* is empty.
        SubscriptionPausedError: Its subscription is.
    """
    why = reasons.wanted(reason)
    with _told_apart(), transaction.atomic():
        letter, reached = _taken(number)
        fact = EventSkipped(
            subscription=letter.subscription,
            subject=letter.stream,
            position=letter.position,
            reason=why,
        )
        store.append(f"{CATEGORY}-{letter.subscription}", [fact], expected_version=ANY)
        apply = subscriptions.find(letter.subscription).apply
        return quarantine.work_off(letter, apply, reached=reached, is_skipped=True)


def _held(name: str, letters: list[DeadLetter], head: int) -> Held:
    stuck = [each for each in letters if each.closed_at is None]
    return Held(
        subscription=name,
        letter=stuck[0].pk if stuck else None,
        waiting=head - stuck[0].version + 1 if stuck else 0,
        skipped=sum(each.state == State.SKIPPED for each in letters),
    )


@contextmanager
def _told_apart() -> Iterator[None]:
    """Tell what has no words of its own yet, and is none of the event's."""
    try:
        yield
    except EventStoreError:
        raise
    except Exception as error:
        if faults.is_lost_connection(error):
            raise
        raise LetterNotTriedError(faults.described(error)) from error


def _taken(number: int) -> tuple[DeadLetter, int]:
    letter, reached = quarantine.locked(number)
    if pauses.is_paused(letter.subscription):
        raise SubscriptionPausedError(letter.subscription)
    return letter, reached
