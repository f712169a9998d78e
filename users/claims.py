"""Claim or release an e-mail address in the append's transaction (ADR-0008)."""

from __future__ import annotations

import hmac
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.db import connection, transaction

from eventstore import repository, store, wire
from eventstore.events import ERASED, UnknownEvent
from users import suppressions
from users.aggregate import USER
from users.errors import EmailSuppressedError, EmailTakenError, UserError
from users.events import UserCreated, UserEmailChanged, UserErased, UserEvent
from users.models import Claim
from users.values import UNATTENDED_SOURCES, comparison_form

EMAIL = "email"
BATCH_SIZE = 2_000  # events read, or claims written, at once
EVERYTHING = 2**63 - 1  # a position above all
EVERY_BUCKET = range(16)


class ClaimsMovedError(Exception):
    """Somebody else took an address between the look at the claims and the take."""


# Of the events for one stream: index, digest released, digest taken.
Moves = Sequence[tuple[int, bytes | None, bytes | None]]


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
        if isinstance(event, UserErased):
            _suppress(stream)
        for old, new in _moves(event):
            if new is not None:
                if source in UNATTENDED_SOURCES and suppressions.among(EMAIL, [new]):
                    raise EmailSuppressedError
                _take(stream, new)
            if old is not None:
                Claim.objects.filter(
                    namespace=EMAIL, digest=old, stream=stream
                ).delete()


def settle_many(
    appends: Sequence[tuple[str, Sequence[UserEvent], str]],
) -> dict[str, tuple[int, UserError]]:
    """Settle the claims of several streams, in their order; as :func:`settle`.

    Three queries and a few more where addresses go from one user to another, or where
    a source acts by itself.  A stream that cannot have an address gets and loses none.

    Args:
        appends: Stream, what is about to be appended to it, and through what.

    Returns:
        The streams to refuse, each with the index of its event that wants an address
        it may not have, and why not.

    Raises:
        ClaimsMovedError: Somebody else took one of the addresses meanwhile; roll back
            and decide anew.
    """
    moves = {
        stream: [(place, *m) for place, e in enumerate(events) for m in _moves(e)]
        for stream, events, _source in appends
    }
    refused = _suppressed(appends, moves)
    touched = {key for its in moves.values() for _, *move in its for key in move if key}
    before = _holders(touched)
    held: dict[bytes, str | None] = dict(before)
    for stream, its_moves in moves.items():
        if stream in refused:
            continue
        place = _move(stream, its_moves, held)
        if place is not None:
            refused[stream] = (place, EmailTakenError())
    _write_moves(before, held)
    for stream, events, _source in appends:
        erases = any(isinstance(event, UserErased) for event in events)
        if erases and stream not in refused:
            _suppress(stream)
    return refused


def holder(email: str) -> str | None:
    """Return the stream that holds *email*, or None."""
    key = digest(email)
    return _holders([key]).get(key)


def holders(emails: Iterable[str]) -> dict[str, str]:
    """Return the streams that hold these addresses, by address.  One query."""
    digests = {email: digest(email) for email in emails}
    found = _holders(digests.values())
    return {email: found[key] for email, key in digests.items() if key in found}


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
    addresses: dict[str, bytes | None] = {}
    mark = store.watermark()
    _follow(addresses, after=0, until=mark)
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever settles a claim holds a lock on the table until its event is there.
        cursor.execute("LOCK TABLE users_claim IN SHARE ROW EXCLUSIVE MODE")
        _follow(addresses, after=mark, until=EVERYTHING)
        return _write_difference(addresses, dry_run=dry_run)


def _follow(addresses: dict[str, bytes | None], *, after: int, until: int) -> None:
    """Note the address of each user; None for one who was erased."""
    while True:
        batch = store.read_all(
            after=after, until=until, buckets=EVERY_BUCKET, limit=BATCH_SIZE
        )
        repository.refuse_unreadable(event for _bucket, event in batch)
        for _bucket, event in batch:
            match event.payload:
                case UserErased():
                    addresses[event.stream] = None
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


def _write_difference(
    addresses: Mapping[str, bytes | None], *, dry_run: bool
) -> Rebuilt:
    held: dict[bytes, str] = {}
    wrong, erased = [], []
    claims = Claim.objects.filter(namespace=EMAIL).values_list("id", "digest", "stream")
    for identity, stored, stream in claims.iterator(BATCH_SIZE):
        if addresses.get(stream) == bytes(stored):
            held[bytes(stored)] = stream
        else:
            wrong.append(identity)
            if addresses.get(stream, b"") is None:
                erased.append(bytes(stored))
    living = {stream: each for stream, each in addresses.items() if each is not None}
    missing, conflicts = [], []
    for stream, wanted in living.items():
        if held.setdefault(wanted, stream) != stream:
            conflicts.append(stream)
        else:
            missing.append(Claim(namespace=EMAIL, digest=wanted, stream=stream))
    known = len(living) - len(conflicts)
    kept = Claim.objects.filter(namespace=EMAIL).count() - len(wrong)
    if not dry_run:
        suppressions.keep(EMAIL, erased)
        for start in range(0, len(wrong), BATCH_SIZE):
            Claim.objects.filter(id__in=wrong[start : start + BATCH_SIZE]).delete()
        # Those held already are passed over by the constraint.
        Claim.objects.bulk_create(missing, BATCH_SIZE, ignore_conflicts=True)
    return Rebuilt(
        taken=known - kept, released=len(wrong), conflicts=tuple(sorted(conflicts))
    )


def _suppress(stream: str) -> None:
    """Suppress every address the user ever had; before the key is destroyed."""
    held = Claim.objects.filter(stream=stream, namespace=EMAIL)
    digests = {bytes(each) for each in held.values_list("digest", flat=True)}
    for event in store.read_stream(stream):
        digests |= {new for _, new in _moves(event.payload) if new}
    suppressions.keep(EMAIL, sorted(digests))
    held.delete()


def _suppressed(
    appends: Sequence[tuple[str, Sequence[UserEvent], str]], moves: Mapping[str, Moves]
) -> dict[str, tuple[int, UserError]]:
    """Return the streams to which a source brings an address of an erased person."""
    by_themselves = [s for s, _, source in appends if source in UNATTENDED_SOURCES]
    wanted = {new for s in by_themselves for _, _, new in moves[s] if new}
    erased = suppressions.among(EMAIL, wanted)
    return {
        stream: (place, EmailSuppressedError())
        for stream in by_themselves
        for place, _, new in reversed(moves[stream])
        if new in erased
    }


def _moves(
    event: UserEvent | UnknownEvent,
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Yield the digest released and the digest taken; None where there is none."""
    match event:
        case UserCreated(email=email) if email != ERASED:
            yield None, digest(email)
        case UserEmailChanged() if ERASED not in (event.old_email, event.new_email):
            old, new = digest(event.old_email), digest(event.new_email)
            if old != new:
                yield old, new
        case _:
            pass  # no other event touches an address


def _holders(digests: Iterable[bytes]) -> dict[bytes, str]:
    wanted = {"namespace": EMAIL, "digests": list(digests)}
    return dict(wire.rows("users.find_claims", wanted))


def _insert(claims: Mapping[bytes, str]) -> int:
    wanted = {
        "namespace": EMAIL,
        "digests": list(claims),
        "streams": list(claims.values()),
    }
    return len(wire.rows("users.take_claims", wanted))


def _move(
    stream: str,
    moves: Moves,
    held: dict[bytes, str | None],
) -> int | None:
    """Make all *moves* in *held* or, where one is refused, none: return its place."""
    mine = ChainMap[bytes, str | None]({}, held)
    for place, old, new in moves:
        if new is not None:
            if mine.get(new) not in (None, stream):
                return place
            mine[new] = stream
        if old is not None and mine.get(old) == stream:
            mine[old] = None
    held.update(mine.maps[0])
    return None


def _write_moves(
    before: Mapping[bytes, str], after: Mapping[bytes, str | None]
) -> None:
    # New claims first and in one order for everybody, so that nobody is deadlocked.
    taken = {key: stream for key, stream in sorted(after.items()) if stream}
    taken = {key: stream for key, stream in taken.items() if key not in before}
    if taken and _insert(taken) != len(taken):
        raise ClaimsMovedError
    passed_on = {key: s for key, s in sorted(before.items()) if after[key] != s}
    for key, stream in passed_on.items():
        if new_holder := after[key]:
            held = Claim.objects.filter(namespace=EMAIL, digest=key, stream=stream)
            if not held.update(stream=new_holder):
                raise ClaimsMovedError
    # Whose claim moved meanwhile has moved, too: then the append is refused.
    released = [key for key in passed_on if after[key] is None]
    if released:
        Claim.objects.filter(namespace=EMAIL, digest__in=released).delete()


def _take(stream: str, key: bytes) -> None:
    if not _insert({key: stream}) and _holders([key]).get(key) != stream:
        raise EmailTakenError
