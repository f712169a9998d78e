"""A failing event sets its stream aside, not its subscription (ADR-0031).

The first event of a stream that cannot be applied gets a dead letter, in the
transaction that moves the checkpoint.  While the letter is open the stream's events are
passed by; they are read from the log again when it is worked off, in order, so a fix or
an upcaster applies.  The row lock on the bucket's checkpoint keeps the two apart.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import checkpoints, faults, fingerprints, store, wire
from eventstore.errors import LetterClosedError, TooManyLettersError
from eventstore.events import RecordedEvent
from eventstore.models import DeadLetter
from eventstore.repository import refuse_unreadable

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5  # by itself; then an operator is waited for
FIRST_RETRY_SECONDS = 5.0  # doubled with every attempt
MOST_OPEN = 1_000  # streams set aside; where more fails, the code is to blame
TIMES_KEPT = 20  # of attempts, the newest
CHUNK = 500  # events of a stream applied at once

# What every error comes through, whatever it failed in.
ENGINE = ("eventstore.quarantine", "eventstore.subscriptions")

Apply = Callable[[Sequence[RecordedEvent]], None]
State = DeadLetter.State


def apply_sound(name: str, apply: Apply, events: Sequence[RecordedEvent]) -> None:
    """Apply *events* but those of streams set aside; set aside what fails.

    Must run in the transaction that moves the checkpoints.  Where a batch fails it is
    halved until the culprit stands alone: order is kept, and nothing of it stays.

    Raises:
        TooManyLettersError: So many streams failed that nothing more is set aside.
    """
    if not events:
        return
    streams = sorted({event.stream for event in events})
    wanted = {"subscription": name, "streams": streams}
    aside = {stream for (stream,) in wire.rows("find_aside", wanted)}
    _sift(name, apply, events, aside)


def work_off(
    letter: DeadLetter, apply: Apply, *, reached: int, is_skipped: bool = False
) -> DeadLetter | None:
    """Apply what was passed by in the letter's stream; return the letter left open.

    Must run in a transaction that holds the stream's bucket, which has come to
    *reached*; returns None when the stream keeps up again.

    Args:
        letter: An open letter, read while the bucket was held.
        apply: Of its subscription.
        reached: Position of the bucket's checkpoint.
        is_skipped: Leave the letter's own event out.
    """
    letter.state = State.SKIPPED if is_skipped else State.APPLIED
    letter.closed_at = timezone.now()
    letter.save()
    aside: set[str] = set()
    version = letter.version + is_skipped
    while not aside and (due := _passed_by(letter.stream, version, reached)):
        refuse_unreadable(due)
        _sift(letter.subscription, apply, due, aside)
        version = due[-1].version + 1
    return DeadLetter.objects.filter(
        subscription=letter.subscription, stream=letter.stream, closed_at=None
    ).first()


def retry_due(name: str, apply: Apply, *, seconds: float) -> None:
    """Try the letters of *name* whose time has come, oldest first, for so long.

    Trouble of the installation costs no attempt: the letter is tried again later.  A
    lost database connection is raised.
    """
    end = time.monotonic() + seconds
    for number in _due(name).order_by("next_attempt_at").values_list("pk", flat=True):
        if time.monotonic() > end:
            return
        try:
            with transaction.atomic():
                _retry(name, apply, number)
        # One letter that cannot be tried must not hold up what is healthy.
        except Exception as error:
            if faults.is_lost_connection(error):
                raise
            later = Now() + timedelta(seconds=checkpoints.RETRY_SECONDS)
            DeadLetter.objects.filter(pk=number).update(next_attempt_at=later)
            logger.warning(
                "dead letter not tried",
                extra={"subscription": name, "error": faults.described(error)},
            )


def locked(number: int) -> tuple[DeadLetter, int]:
    """Return an open letter and the position its bucket has come to, and hold that.

    Must run in a transaction.

    Raises:
        LetterClosedError: It was applied or skipped meanwhile, or never was.
    """
    found = DeadLetter.objects.filter(pk=number, closed_at=None).first()
    if found is not None:
        reached = checkpoints.held_at(found.subscription, found.stream, wait=True)
        found = DeadLetter.objects.filter(pk=number, closed_at=None).first()
        if found is not None and reached is not None:
            return found, reached
    raise LetterClosedError(number)


def changed_code(letter: DeadLetter) -> list[str]:
    """Return the modules that *letter* failed in and whose code is another one now.

    Empty when it failed before that was kept, or where no source is installed.
    """
    now = {name: fingerprints.of_module(name) for name in letter.code}
    return [name for name, each in letter.code.items() if now[name] not in ("", each)]


def _due(name: str) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(
        subscription=name, state=State.WAITING, next_attempt_at__lte=Now()
    )


def _retry(name: str, apply: Apply, number: int) -> None:
    stream = _due(name).filter(pk=number).values_list("stream", flat=True).first()
    if stream is None:
        return
    reached = checkpoints.held_at(name, stream, wait=False)
    letter = _due(name).filter(pk=number).first()
    if reached is not None and letter is not None:
        work_off(letter, apply, reached=reached)


def _passed_by(stream: str, version: int, reached: int) -> list[RecordedEvent]:
    found = store.read_stream(
        stream, from_version=version, to_version=version + CHUNK - 1
    )
    return [event for event in found if event.position <= reached]


def _sift(
    name: str, apply: Apply, events: Sequence[RecordedEvent], aside: set[str]
) -> None:
    due = [event for event in events if event.stream not in aside]
    if not due:
        return
    try:
        with transaction.atomic():
            apply(due)
    # Whatever a handler raises: the event waits, everyone else goes on.
    except Exception as error:
        if not faults.is_of_the_event(error):
            raise
        if len(due) > 1:
            middle = len(due) // 2
            _sift(name, apply, due[:middle], aside)
            _sift(name, apply, due[middle:], aside)
        else:
            _set_aside(name, due[0], error)
            aside.add(due[0].stream)


def _set_aside(name: str, event: RecordedEvent, error: Exception) -> None:
    mine = DeadLetter.objects.filter(subscription=name)
    if mine.filter(closed_at=None).count() >= MOST_OPEN:
        raise TooManyLettersError(name, MOST_OPEN)
    now = timezone.now()
    letter = mine.filter(position=event.position).first() or DeadLetter(
        subscription=name,
        stream=event.stream,
        position=event.position,
        version=event.version,
        type=event.type,
        attempts=0,
        first_failed_at=now,
    )
    letter.attempts += 1
    letter.error = faults.described(error)
    letter.fingerprint = faults.fingerprint(name, error)
    letter.code = _code(error)
    letter.state = State.PARKED if letter.attempts >= MAX_ATTEMPTS else State.WAITING
    letter.last_failed_at = now
    letter.failed_at = [*letter.failed_at, now][-TIMES_KEPT:]
    wait = FIRST_RETRY_SECONDS * 2 ** (min(letter.attempts, MAX_ATTEMPTS) - 1)
    letter.next_attempt_at = Now() + timedelta(seconds=wait)
    letter.closed_at = None
    letter.save()
    logger.error(
        "event set aside",
        extra={
            "subscription": name,
            "position": event.position,
            "attempts": letter.attempts,
            "error": letter.error,
        },
    )


def _code(error: Exception) -> dict[str, str]:
    found = {name: fingerprints.of_module(name) for name in faults.modules(error)}
    return {name: each for name, each in found.items() if each and name not in ENGINE}
