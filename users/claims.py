"""Claim or release an e-mail address in the append's transaction (ADR-0008)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from eventstore import repository, store
from users.aggregate import USER
from users.errors import EmailSuppressedError, EmailTakenError
from users.events import UserCreated, UserEmailChanged, UserErased, UserEvent
from users.models import Claim, Suppression
from users.values import BACKFILL_SOURCES, comparison_form

EMAIL = "email"
BATCH_SIZE = 2_000  # events read, or claims written, at once
EVERYTHING = 2**63 - 1  # a position above all
EVERY_BUCKET = range(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """How claims and log disagreed, and whose addresses two users share.

    Attributes:
        taken: Claims that the log implies and nobody had.
        released: Claims that the log does not imply.
        conflicts: Streams of users whose address another one holds, sorted.
    """

    taken: int
    released: int
    conflicts: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether claims and log said the same."""
        return not (self.taken or self.released or self.conflicts)


def settle(stream: str, events: Iterable[UserEvent], *, source: str) -> None:
    """Take and release the claims that *events* imply; must run in a transaction.

    New claims come first: two users who swap addresses are refused, not deadlocked.
    An erased person's claim becomes a suppression: no backfill takes the address again.

    Args:
        stream: Of the user.
        events: What is about to be appended to it.
        source: Through what.

    Raises:
        EmailTakenError: Another user holds the address.
        EmailSuppressedError: It was an erased person's, and *source* acts by itself.
    """
    for event in events:
        match event:
            case UserCreated():
                _take(stream, event.email, source)
            case UserEmailChanged():
                old, new = digest(event.old_email), digest(event.new_email)
                if old != new:
                    _take(stream, event.new_email, source)
                    Claim.objects.filter(
                        namespace=EMAIL, digest=old, stream=stream
                    ).delete()
            case UserErased():
                _suppress(stream)
            case _:
                pass  # no other event touches an address


def holder(email: str) -> str | None:
    """Return the stream that holds *email*, or None."""
    return (
        Claim.objects.filter(namespace=EMAIL, digest=digest(email))
        .values_list("stream", flat=True)
        .first()
    )


def is_suppressed(email: str) -> bool:
    """Say whether *email* was an erased person's when that person was erased."""
    return Suppression.objects.filter(namespace=EMAIL, digest=digest(email)).exists()


def digest(email: str) -> bytes:
    """Return the keyed hash (32 bytes) under which *email* is claimed."""
    key: str = settings.CLAIM_KEY
    form = comparison_form(email)
    return hmac.new(key.encode(), form.encode(), sha256).digest()


def rebuild(*, dry_run: bool = False) -> Rebuilt:
    """Make the claims what the log implies; running it again changes nothing.

    Commands that touch an address wait only while the events after the watermark are
    read and the difference is written.  Where two users share an address, the one who
    holds it keeps it, else the one whose event came first gets it.  O(log) time;
    O(users) memory, about 300 MB a million.

    Args:
        dry_run: Only say what would change.

    Raises:
        UnreadableEventError: An event may hold an address and cannot be read here.
    """
    addresses: dict[str, bytes] = {}
    mark = store.watermark()
    _follow(addresses, after=0, until=mark)
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever settles a claim holds a lock on the table until its event is there.
        cursor.execute("LOCK TABLE users_claim IN SHARE ROW EXCLUSIVE MODE")
        _follow(addresses, after=mark, until=EVERYTHING)
        return _write_difference(addresses, dry_run=dry_run)


def _follow(addresses: dict[str, bytes], *, after: int, until: int) -> None:
    while True:
        batch = store.read_all(
            after=after, until=until, buckets=EVERY_BUCKET, limit=BATCH_SIZE
        )
        repository.refuse_unreadable(event for _bucket, event in batch)
        for _bucket, event in batch:
            match event.payload:
                case UserErased():
                    addresses.pop(event.stream, None)
                case UserCreated(email=email) | UserEmailChanged(new_email=email):
                    if event.category == USER.category and not event.is_erased:
                        # Moved to the end: order says since when it is held.
                        addresses.pop(event.stream, None)
                        addresses[event.stream] = digest(email)
                case _:
                    pass  # no other event touches an address
        if len(batch) < BATCH_SIZE:
            return
        after = batch[-1][1].position


def _write_difference(addresses: dict[str, bytes], *, dry_run: bool) -> Rebuilt:
    held: dict[bytes, str] = {}
    wrong = []
    claims = Claim.objects.filter(namespace=EMAIL).values_list("id", "digest", "stream")
    for identity, stored, stream in claims.iterator(BATCH_SIZE):
        if addresses.get(stream) == bytes(stored):
            held[bytes(stored)] = stream
        else:
            wrong.append(identity)
    missing, conflicts = [], []
    for stream, wanted in addresses.items():
        if held.setdefault(wanted, stream) != stream:
            conflicts.append(stream)
        else:
            missing.append(Claim(namespace=EMAIL, digest=wanted, stream=stream))
    known = len(addresses) - len(conflicts)
    kept = Claim.objects.filter(namespace=EMAIL).count() - len(wrong)
    if not dry_run:
        for start in range(0, len(wrong), BATCH_SIZE):
            Claim.objects.filter(id__in=wrong[start : start + BATCH_SIZE]).delete()
        # Those held already are passed over by the constraint.
        Claim.objects.bulk_create(missing, BATCH_SIZE, ignore_conflicts=True)
    return Rebuilt(
        taken=known - kept, released=len(wrong), conflicts=tuple(sorted(conflicts))
    )


def _suppress(stream: str) -> None:
    now = timezone.now()
    held = Claim.objects.filter(stream=stream)
    Suppression.objects.bulk_create(
        [
            Suppression(namespace=claim.namespace, digest=claim.digest, erased_at=now)
            for claim in held
        ],
        ignore_conflicts=True,
    )
    held.delete()


def _take(stream: str, email: str, source: str) -> None:
    if source in BACKFILL_SOURCES and is_suppressed(email):
        raise EmailSuppressedError
    # ON CONFLICT DO NOTHING waits for a racing claim to commit or vanish.
    Claim.objects.bulk_create(
        [Claim(namespace=EMAIL, digest=digest(email), stream=stream)],
        ignore_conflicts=True,
    )
    if holder(email) != stream:
        raise EmailTakenError
