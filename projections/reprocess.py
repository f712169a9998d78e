"""Repair one user's row: derive it anew from the log, shown before it is done.

The preview and the run use the same fold; the run refuses when the answer would no
longer be the one that was shown.  Effects are no part of this: only a projection runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

import orjson
import uuid_utils.compat as uuid
from django.core import signing
from django.db import transaction

from eventstore import checkpoints, store
from eventstore.events import NO_STREAM, Metadata, RecordedEvent
from eventstore.repository import refuse_unreadable
from projections import directory, queries
from projections.directory import DIRECTORY, FIELDS
from projections.events import ReadModelReprocessed
from projections.models import DirectoryEntry
from users.aggregate import USER

TOKEN_SECONDS = 900  # how long a preview may be acted on
TOKEN_SALT = "reprocess"


class StalePreviewError(Exception):
    """The answer is no longer the one that was shown; look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field in which the row and the log disagree.

    Attributes:
        now: The row's value; None when there is no row.
        after: The value the log leads to; None when the log knows no such user.
        set_by: The event that gave the value, when one event did.
    """

    field: str
    now: str | None
    after: str | None
    set_by: RecordedEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What reprocessing one user would change; nothing was written.

    Attributes:
        events: Number of events folded.
        position: Position of the last of them; 0 when there is none.
        action: ``nothing``, ``create``, ``change`` or ``delete``.
        token: Proof of what was shown, to be handed to :func:`run`.
    """

    user_id: UUID
    events: int
    position: int
    action: str
    differences: Sequence[Difference]
    token: str


def preview(user_id: UUID) -> Preview:
    """Return what reprocessing *user_id* would change.  Two queries, no writes.

    Raises:
        UnreadableEventError: Newer code changed this user in a way this code cannot
            read; it would write a wrong row.
    """
    return _examine(user_id)[0]


def run(
    user_id: UUID, *, token: str, reason: str, metadata: Metadata | None = None
) -> Preview:
    """Derive the row of *user_id* anew and return what that changed.

    Atomic, and alone in the user's bucket: live traffic waits for it, at most a batch.
    Writes the very row that was compared.  Records :class:`ReadModelReprocessed` in a
    stream of its own.

    Raises:
        StalePreviewError: The log or the row moved since *token* was made, the token
            is older than fifteen minutes, or there is nothing to repair.
        UnreadableEventError: See :func:`preview`.
    """
    stream = USER.stream(user_id)
    with transaction.atomic():
        checkpoints.hold(DIRECTORY.name, stream)
        found, derived = _examine(user_id)
        _check(token, _facts(user_id, found.position, found.differences))
        if not found.differences:
            raise StalePreviewError
        if derived is None:
            directory.delete([user_id])
        else:
            directory.write([derived])
        done = ReadModelReprocessed(
            projection=DIRECTORY.name,
            subject=stream,
            fields=[difference.field for difference in found.differences],
            reason=reason,
        )
        store.append(
            f"reprocess-{uuid.uuid7()}",
            [done],
            expected_version=NO_STREAM,
            metadata=metadata,
        )
    return found


def _examine(user_id: UUID) -> tuple[Preview, DirectoryEntry | None]:
    chapters = queries.history(user_id)
    events = [chapter.event for chapter in chapters]
    refuse_unreadable(events)
    row = queries.entry(user_id)
    derived = directory.fold(events)
    found = _differences(row, derived, queries.set_by(chapters))
    position = events[-1].position if events else 0
    shown = Preview(
        user_id=user_id,
        events=len(events),
        position=position,
        action=_action(row, derived, found),
        differences=found,
        token=signing.dumps(_facts(user_id, position, found), salt=TOKEN_SALT),
    )
    return shown, derived


def _differences(
    row: DirectoryEntry | None,
    derived: DirectoryEntry | None,
    set_by: dict[str, RecordedEvent],
) -> list[Difference]:
    found = []
    for field in FIELDS:
        now, after = _value(row, field), _value(derived, field)
        if now != after:
            found.append(
                Difference(field=field, now=now, after=after, set_by=set_by.get(field))
            )
    return found


def _value(row: DirectoryEntry | None, field: str) -> str | None:
    return None if row is None else str(getattr(row, field))


def _action(
    row: DirectoryEntry | None,
    derived: DirectoryEntry | None,
    found: Sequence[Difference],
) -> str:
    if not found:
        return "nothing"
    if row is None:
        return "create"
    return "delete" if derived is None else "change"


def _facts(user_id: UUID, position: int, found: Sequence[Difference]) -> str:
    # A digest, so that the token carries nothing about the person.
    changes = [[each.field, each.now, each.after] for each in found]
    return sha256(
        orjson.dumps([str(user_id), position, DIRECTORY.name, changes])
    ).hexdigest()


def _check(token: str, facts: str) -> None:
    try:
        shown = signing.loads(token, salt=TOKEN_SALT, max_age=TOKEN_SECONDS)
    except signing.BadSignature as error:
        raise StalePreviewError from error
    if shown != facts:
        raise StalePreviewError
