"""What reprocessing would change, shown before it is done; one user's is done here.

The preview and the run use the same folds.  A preview hands out a signed token that
says what was shown; a run refuses when that is no longer so, and says what moved.
Effects are no part of this: only projections run.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
import uuid_utils.compat as uuid
from django.core import signing
from django.db import transaction

from eventstore import faults, reasons, store
from eventstore.circumstances import acting
from eventstore.errors import UnreadableEventError
from eventstore.events import NO_STREAM, Metadata
from eventstore.wording import worded
from projections import findings, scopes
from projections.events import ReadModelReprocessed
from projections.findings import NOTHING, Difference, Finding, NotDerivableError
from projections.read_models import NAMES, READ_MODELS, code_version, named
from projections.scopes import Scope

TOKEN_SECONDS = 900  # how long a preview may be acted on
TOKEN_SALT = "reprocess"
EXACT_USERS = 5_000  # of more, a sample is looked at
SAMPLE_USERS = 1_000
CHUNK = 100  # users looked at at once
REASON_LENGTH = 500  # characters
SHOWN = 100  # differences a preview keeps
MOVED_SHOWN = 20  # users named when a preview went stale
Z_95 = 1.959964  # of the normal distribution: 95 % lie within so many deviations
MARK_BYTES = 6  # of each half of a user's mark in a token


class StalePreviewError(Exception):
    """The answer is no longer the one that was shown; look again.

    Attributes:
        moved: What moved, in sentences; empty when only the token is too old or none.
    """

    def __init__(self, *moved: str) -> None:
        super().__init__(*moved)
        self.moved = moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """What reprocessing one user would change; nothing was written.

    Attributes:
        events: Number of events of the user.
        position: Position of the last that the read models have come to.
        action: ``nothing``, ``create``, ``change`` or ``delete``.
        token: Proof of what was shown, to be handed to :func:`run`.
    """

    user_id: UUID
    events: int
    position: int
    action: str
    differences: Sequence[Difference]
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What reprocessing many users would change; nothing was written.

    Attributes:
        position: The watermark when it began.
        code: Version of the projections' code.
        users: How many users the scope holds.
        checked: How many of them were looked at.
        is_sample: Whether those are a random sample.
        actions: How many of the checked would change, be created, be deleted, stay.
        failed: Of the checked, users whose rows cannot be derived.
        fields: How many users differ in each field, the most frequent first.
        shown: The first hundred differences, with their users.
        events: How many events were replayed into memory, in *seconds*.
        token: Proof of all this, to be handed to ``runs.start``.
    """

    scope: Scope
    names: tuple[str, ...]
    position: int
    code: str
    users: int
    checked: int
    is_sample: bool
    actions: Mapping[str, int]
    failed: Sequence[Finding]
    fields: Mapping[str, int]
    shown: Sequence[tuple[UUID, Difference]]
    events: int
    seconds: float
    token: str

    @property
    def would_change(self) -> int:
        """How many of the checked are not as the log leads to."""
        return sum(n for action, n in self.actions.items() if action != NOTHING)

    @property
    def interval(self) -> tuple[float, float]:
        """The share of all users that would change, by 95 %, in percent."""
        low, high = wilson(self.would_change, self.checked)
        return 100 * low, 100 * high

    @property
    def counts(self) -> dict[str, Any]:
        """What a run remembers of its preview."""
        return {
            "checked": self.checked,
            "is_sample": self.is_sample,
            "failed": len(self.failed),
            **{name: self.actions.get(name, 0) for name in findings.ACTIONS},
        }


def preview(user_id: UUID) -> Single:
    """Return what reprocessing *user_id* would change.  No writes.

    Raises:
        NotDerivableError: What writes the row raised.
        UnreadableEventError: Newer code changed this user in a way this code cannot
            read; it would write a wrong row.
    """
    (found,) = findings.examine([user_id], READ_MODELS)
    return _single(found)


def run(
    user_id: UUID, *, token: str, reason: str, metadata: Metadata | None = None
) -> Single:
    """Derive the rows of *user_id* anew and return what that changed.

    Atomic, and alone in the user's bucket: live traffic waits for it, at most a batch.
    Writes the very rows that were compared.  Records :class:`ReadModelReprocessed` for
    each read model, in a stream of its own.

    Raises:
        NotDerivableError: See :func:`preview`.
        StalePreviewError: The log or a row moved since *token* was made, the token is
            older than fifteen minutes, or there is nothing to repair.
        UnreadableEventError: See :func:`preview`.
    """
    reason = reasons.proper(reason, most=REASON_LENGTH)
    with transaction.atomic(), _told_by(metadata):
        (found,) = findings.repair([user_id], READ_MODELS)
        shown = _single(found)
        if opened(token) != _facts(found) or not found.differences:
            raise StalePreviewError
        done = [
            ReadModelReprocessed(
                projection=name,
                subject=found.stream,
                fields=[d.field for d in found.differences if d.projection == name],
                reason=reason,
            )
            for name in NAMES
            if any(d.projection == name for d in found.differences)
        ]
        store.append(f"reprocess-{uuid.uuid7()}", done, expected_version=NO_STREAM)
    return shown


def preview_many(
    scope: Scope,
    *,
    names: tuple[str, ...] = NAMES,
    whole: bool = False,
    on_chunk: Callable[[int, int], None] | None = None,
) -> Preview:
    """Return what reprocessing *scope* would change.  Writes nothing.

    Of more than 5,000 users a random sample of 1,000 is looked at.

    Args:
        scope: Whom.
        names: In which read models.
        whole: Look at all of them, however many.
        on_chunk: Called with the number of users looked at, and of those to look at.
    """
    began = time.monotonic()
    mark, code = store.watermark(), code_version(names)
    users = scope.count()
    is_sample = users > EXACT_USERS and not whole
    tally = _Tally()
    for found in _examined(scope, names, sample=SAMPLE_USERS if is_sample else 0):
        tally.add(found)
        if on_chunk is not None:
            on_chunk(tally.checked, SAMPLE_USERS if is_sample else users)
    users = max(users, tally.checked)
    facts: dict[str, Any] = {
        "scope": scope.to_json(),
        "names": names,
        "position": mark,
        "code": code,
        "users": users,
        "is_sample": is_sample,
        "marks": b"".join(sorted(tally.marks)).hex(),
    }
    made = Preview(
        scope=scope,
        names=names,
        position=mark,
        code=code,
        users=users,
        checked=tally.checked,
        is_sample=is_sample,
        actions=dict(tally.actions),
        failed=tally.failed,
        fields=dict(tally.fields.most_common()),
        shown=tally.shown,
        events=tally.events,
        seconds=time.monotonic() - began,
        token="",
    )
    facts["counts"] = made.counts
    token = signing.dumps(facts, salt=TOKEN_SALT, compress=True)
    return replace(made, token=token)


def differences(
    scope: Scope, *, names: tuple[str, ...] = NAMES
) -> Iterator[tuple[UUID, Difference]]:
    """Yield every difference in *scope*, a chunk of users at a time."""
    for found in _examined(scope, names, sample=0):
        for each in found:
            for difference in each.differences:
                yield each.user_id, difference


def opened(token: str) -> Any:
    """Return what *token* proves.

    Raises:
        StalePreviewError: It is none of ours, or older than fifteen minutes.
    """
    try:
        return signing.loads(token, salt=TOKEN_SALT, max_age=TOKEN_SECONDS)
    except signing.BadSignature as error:
        raise StalePreviewError from error


def check(facts: Mapping[str, Any]) -> None:
    """Go on only if a preview of many would show today what it showed then.

    Of a sample, only the code is compared: the run looks at everybody anyway.

    Raises:
        StalePreviewError: The code changed, or rows that would change, or the log under
            them; it says whose.
    """
    names = tuple(facts["names"])
    code = code_version(names)
    if code != facts["code"]:
        message = worded(
            "The projections' code changed since the preview: it was version {old}"
            " and is {new}.",
            old=facts["code"],
            new=code,
        )
        raise StalePreviewError(message)
    if facts["is_sample"]:
        return
    shown = _by_user(bytes.fromhex(facts["marks"]))
    scope = scopes.from_json(facts["scope"])
    moved = []
    left = dict(shown)
    for found in _examined(scope, names, sample=0):
        for each in found:
            user, answer = mark_of(each)
            left.pop(user, None)
            if shown.get(user, b"") != (answer if each.differences else b""):
                moved.append(findings.how_it_moved(each, facts["position"]))
    gone = worded("A user of the preview is no longer in the scope.")
    moved += [gone] * len(left)
    if moved:
        more = len(moved) - MOVED_SHOWN
        told = [worded("And {count:,} more.", count=more)] if more > 0 else []
        raise StalePreviewError(*moved[:MOVED_SHOWN], *told)


def mark_of(finding: Finding) -> tuple[bytes, bytes]:
    """Return digests of who it is and of what was found."""
    changes = [[d.name, d.now, d.after] for d in finding.differences]
    user = sha256(finding.user_id.bytes).digest()[:MARK_BYTES]
    return user, sha256(_written(changes)).digest()[:MARK_BYTES]


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share, by Wilson's score; 0 to 1."""
    if not tries:
        return 0.0, 1.0
    share, square = hits / tries, Z_95**2
    middle = share + square / (2 * tries)
    spread = Z_95 * math.sqrt(share * (1 - share) / tries + square / (4 * tries**2))
    whole = 1 + square / tries
    return max((middle - spread) / whole, 0.0), min((middle + spread) / whole, 1.0)


class _Tally:
    """Counts what was found, and keeps no more of it than a page shows."""

    def __init__(self) -> None:
        self.checked = self.events = 0
        self.actions: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()
        self.failed: list[Finding] = []
        self.shown: list[tuple[UUID, Difference]] = []
        self.marks: list[bytes] = []

    def add(self, found: Sequence[Finding]) -> None:
        """Count some more users."""
        for each in found:
            self.checked += 1
            self.events += each.events
            if each.error is not None:
                self.failed.append(each)
                continue
            self.actions[each.action] += 1
            self.fields.update(d.name for d in each.differences)
            if each.differences:
                self.marks.append(b"".join(mark_of(each)))
            room = SHOWN - len(self.shown)
            self.shown += [(each.user_id, d) for d in each.differences[:room]]


def _examined(
    scope: Scope, names: tuple[str, ...], *, sample: int
) -> Iterator[list[Finding]]:
    models = named(names)
    if sample:
        chosen = scope.sample(sample)
        for start in range(0, len(chosen), CHUNK):
            yield findings.examine(chosen[start : start + CHUNK], models)
        return
    for chunk in scope.every(chunk=CHUNK):
        yield findings.examine([user_id for _cursor, user_id in chunk], models)


def _by_user(marks: bytes) -> dict[bytes, bytes]:
    size = 2 * MARK_BYTES
    each = [marks[at : at + size] for at in range(0, len(marks), size)]
    return {mark[:MARK_BYTES]: mark[MARK_BYTES:] for mark in each}


def _single(found: Finding) -> Single:
    if isinstance(found.error, UnreadableEventError):
        raise found.error
    if found.error is not None:
        raise NotDerivableError(faults.described(found.error)) from found.error
    return Single(
        user_id=found.user_id,
        events=found.events,
        position=found.position,
        action=found.action,
        differences=found.differences,
        token=signing.dumps(_facts(found), salt=TOKEN_SALT),
    )


def _facts(found: Finding) -> str:
    # A digest, so that the token carries nothing about the person.
    changes = [[each.name, each.now, each.after] for each in found.differences]
    told = [str(found.user_id), found.events, code_version(NAMES), changes]
    return sha256(_written(told)).hexdigest()


def _written(told: Any) -> bytes:
    return orjson.dumps(told, default=str)  # of a range, what Python says


def _told_by(metadata: Metadata | None) -> AbstractContextManager[None]:
    if metadata is None:
        return nullcontext()
    names = ("actor", "source", "correlation_id", "causation_id", "occurred_at")
    return acting(**{name: getattr(metadata, name) for name in names})
