"""Making the file of an export, step by step; handing it out; deleting it (ADR-0044).

A step is a transaction: a batch of rows becomes a piece, and the row of the export says
where to go on.  The row lock is the lease, so a killed worker loses one step.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from eventstore import circumstances, faults, store
from eventstore.circumstances import acting
from eventstore.events import ADMIN, NO_STREAM
from eventstore.exports import forms, pieces
from eventstore.exports.errors import (
    ExportEndedError,
    ExportGoneError,
    ExportRunsError,
)
from eventstore.exports.events import DataExported, ExportCancelled
from eventstore.exports.forms import Layout
from eventstore.exports.kinds import Batch, Kind, in_words
from eventstore.exports.models import Export
from eventstore.exports.pieces import HEAD
from eventstore.shown import instant

logger = logging.getLogger(__name__)

CATEGORY = "export"
BATCH_SIZE = 2_000  # rows a step
KEPT = timedelta(hours=24)
MOST_ATTEMPTS = 5  # in a row
State = Export.State
Kinds = Mapping[str, Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asks for.

    Attributes:
        columns: In the order of the kind's.
        zone: IANA name; empty for no local columns.
        is_plain: Whether persons are shown plainly.
        asked: The filter, as the kind understands it.
        reason: Why.
    """

    kind: str
    form: str
    columns: Sequence[str]
    zone: str
    is_plain: bool
    asked: Mapping[str, Any]
    reason: str


def start(wanted: Wanted, *, account: int) -> Export:
    """Begin an export and return it; nothing is written yet.

    Args:
        wanted: Of what.
        account: Number of the account that may fetch the file.

    Raises:
        ExportRunsError: Another one of this account is running.
        KeyRingError: There is no master key.
    """
    known, mark = circumstances.current(), store.watermark()
    export_id = uuid.uuid7()
    try:
        with transaction.atomic():
            pieces.make_key(export_id)
            export = Export.objects.create(
                export_id=export_id,
                kind=wanted.kind,
                form=wanted.form,
                columns=list(wanted.columns),
                zone=wanted.zone,
                is_plain=wanted.is_plain,
                asked=dict(wanted.asked),
                reason=wanted.reason,
                actor=known.actor,
                account=account,
                correlation_id=known.correlation_id,
                until=mark,
                started_at=Now(),
                expires_at=Now() + KEPT,
            )
    except IntegrityError as error:
        raise ExportRunsError from error
    export.refresh_from_db()
    return export


def go_on_all(kinds: Kinds, *, seconds: float) -> bool:
    """Go on with every export that runs, for so long; False when the time ran out.

    The one that has fewest rows comes first, so that a large one keeps nobody waiting.
    Safe to call at any time, twice, and beside other workers.
    """
    end = time.monotonic() + seconds
    running = Export.objects.filter(state=State.RUNNING).order_by("rows", "started_at")
    found = list(running.values_list("pk", flat=True))
    done = [
        go_on(export_id, kinds, seconds=end - time.monotonic()) for export_id in found
    ]
    return all(done)


def go_on(
    export_id: UUID, kinds: Kinds, *, seconds: float, rows: int | None = None
) -> bool:
    """Go on with an export; False when there is more to do.

    True when it ended, failed just now, or another worker is at it.

    Args:
        export_id: Which.
        kinds: By name.
        seconds: For how long; a step that is under way is brought to its end.
        rows: Only as far as this many rows.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            moved = _step(export_id, kinds)
        # Whatever a row holds must not stop the others; it is tried again.
        except Exception as error:
            if faults.is_lost_connection(error):
                raise
            _note_failure(export_id, error)
            return True
        if moved is None or moved.state != State.RUNNING:
            return True
        if rows is not None and moved.rows >= rows:
            return False
    return False


def cancel(export_id: UUID, kinds: Kinds, *, account: int) -> None:
    """End an export that runs, and delete what there is of its file.

    Atomic: it is cancelled and its :class:`ExportCancelled` recorded, or neither.  It
    waits for the step that is under way; no other one follows.  Beside the end of the
    export it comes first, and there is no file, or too late.

    Args:
        export_id: Which.
        kinds: By name.
        account: Number of the account that asked for it.

    Raises:
        ExportEndedError: It ended before.
        ExportGoneError: It is not kept any more, never was, or is somebody else's.
    """
    with transaction.atomic():
        pieces.hold(is_shared=True)  # before the row, as a step does
        mine = Export.objects.filter(pk=export_id, account=account)
        export = mine.filter(expires_at__gt=Now()).select_for_update().first()
        if export is None:
            raise ExportGoneError
        if export.state != State.RUNNING:
            raise ExportEndedError(export.state)
        kind = kinds[export.kind]
        fact = ExportCancelled(
            what=kind.told_as or kind.name,
            asked=kind.words(export.asked),
            form=export.form,
            rows=export.rows,
        )
        store.append(_stream(export), [fact], expected_version=NO_STREAM)
        pieces.delete(export)
        export.asked = dict(kind.masked(export.asked))
        export.state, export.ended_at = State.CANCELLED, Now()
        export.save()


def found(export_id: UUID, *, account: int) -> Export:
    """Return an export of this account.

    Raises:
        ExportGoneError: It is not kept any more, never was, or is somebody else's.
    """
    mine = Export.objects.filter(pk=export_id, account=account)
    export = mine.filter(expires_at__gt=Now()).first()
    if export is None:
        raise ExportGoneError
    return export


def of(account: int) -> list[Export]:
    """Return what is kept for this account, newest first."""
    mine = Export.objects.filter(account=account, expires_at__gt=Now())
    return list(mine.order_by("-started_at"))


def percent(export: Export) -> int | None:
    """Return how far an export has come in the log; None where nobody can say."""
    if not export.cursor.isdecimal() or export.first_position is None:
        return None
    first = export.first_position
    way = (int(export.cursor) - first) / max(export.until - first, 1)
    return min(max(round(100 * way), 0), 100)


def body_begins(export: Export) -> int:
    """Return the number of the line at which the body of a file begins, from 1."""
    return forms.head(export.form, _facts(export)).count(b"\n") + 1


def content(export: Export) -> Iterator[bytes]:
    """Yield the bytes of a file that is done, a piece at a time; constant memory.

    Raises:
        ExportGoneError: It was withdrawn or deleted meanwhile; what was yielded is not
            all of it.
    """
    if export.state != State.DONE:
        raise ExportGoneError
    yield from pieces.read(export, first=HEAD)
    yield forms.TAILS[export.form]


def withdraw(subject: str) -> None:
    """Delete every file that shows the person of *subject*, or shall.

    Must run in the transaction that erases them, after their key is destroyed: no piece
    is made until it commits, and pieces made after that show nobody who was erased.
    """
    pieces.hold(is_shared=False)
    for export in pieces.showing(subject):
        pieces.delete(export)
        Export.objects.filter(pk=export.pk).update(
            state=State.WITHDRAWN, ended_at=Now(), sha256="", asked={}
        )


def expire() -> int:
    """Delete exports whose day is over, with their files; return how many.

    Safe to run at any time, twice, and beside others.
    """
    over = Export.objects.filter(expires_at__lte=Now()).order_by("expires_at")
    count = 0
    for export_id in list(over.values_list("pk", flat=True)):
        with transaction.atomic():
            mine = over.select_for_update(skip_locked=True).filter(pk=export_id)
            for export in mine:
                pieces.delete(export)
                export.delete()
                count += 1
    return count


def _step(export_id: UUID, kinds: Kinds) -> Export | None:
    """Make one piece, or the end; None when there is nothing to do for this worker."""
    with transaction.atomic():
        pieces.hold(is_shared=True)
        export = _running(export_id).select_for_update(skip_locked=True).first()
        if export is None:
            return None
        if not export.is_written:
            kind = kinds[export.kind]
            batch = kind.read(
                export.asked, export.cursor, export.until, BATCH_SIZE, export.is_plain
            )
            _write(export, kind, batch)
            export.save()
    return _finish(export, kinds[export.kind]) if export.is_written else export


def _running(export_id: UUID) -> QuerySet[Export]:
    running = Export.objects.filter(pk=export_id, state=State.RUNNING)
    return running.filter(expires_at__gt=Now())


def _write(export: Export, kind: Kind, batch: Batch) -> None:
    layout = Layout(
        form=export.form, columns=export.columns, times=kind.times, zone=export.zone
    )
    body = forms.body(layout, batch.rows, is_first=not export.rows)
    if batch.rows or (not export.pieces and batch.cursor is None):
        export.pieces += 1
        pieces.keep(export, export.pieces, body, people=batch.people)
    export.rows += len(batch.rows)
    positions = [row["position"] for row in batch.rows]
    known = [export.first_position, export.last_position]
    positions += [position for position in known if position is not None]
    export.first_position = min(positions, default=None)
    export.last_position = max(positions, default=None)
    export.is_written = batch.cursor is None
    export.cursor, export.attempts, export.error = batch.cursor or "", 0, ""


def _finish(export: Export, kind: Kind) -> Export | None:
    """Hash the file, keep its head and record it; None when another worker does.

    Nobody's erasure waits for the hashing: pieces never change, they only go.
    """
    with transaction.atomic():
        if not pieces.hold_alone(export.pk):
            return None
        digest, size = sha256(), 0
        for piece in pieces.read(export, first=HEAD + 1):
            digest.update(piece)
            size += len(piece)
        pieces.hold(is_shared=True)
        whole = _running(export.pk).select_for_update().first()
        if whole is None:
            return None
        whole.sha256 = digest.hexdigest()
        whole.asked = dict(kind.masked(whole.asked))  # no erasure reaches a head
        head = forms.head(whole.form, _facts(whole))
        pieces.keep(whole, HEAD, head)
        whole.size_bytes = size + len(head) + len(forms.TAILS[whole.form])
        _record(whole, kind)
        whole.state = State.DONE
        whole.ended_at, whole.expires_at = Now(), Now() + KEPT
        whole.save()
        return whole


def _record(export: Export, kind: Kind) -> None:
    fact = DataExported(
        what=kind.told_as or kind.name,
        asked=kind.words(export.asked),
        form=export.form,
        columns=export.columns,
        personal=export.is_plain,
        rows=export.rows,
        first=export.first_position or 0,
        last=export.last_position or 0,
        until=export.until,
        sha256=export.sha256,
        reason=export.reason,
    )
    with acting(actor=export.actor, source=ADMIN, correlation_id=export.correlation_id):
        store.append(_stream(export), [fact], expected_version=NO_STREAM)


def _stream(export: Export) -> str:
    return f"{CATEGORY}-{export.export_id}"


def _facts(export: Export) -> dict[str, Any]:
    """Return what the head of a file says."""
    return {
        "export": str(export.pk),
        "who": export.actor,
        "when": instant(export.started_at),
        "what": export.kind,
        "filter": in_words(export.asked),
        "reason": export.reason,
        "personal_data": "shown" if export.is_plain else forms.MASKED,
        "watermark": export.until,
        "first_position": export.first_position,
        "last_position": export.last_position,
        "rows": export.rows,
        "sha256": export.sha256,
    }


def _note_failure(export_id: UUID, error: Exception) -> None:
    told = faults.described(error)
    running = _running(export_id)
    if not running.update(attempts=F("attempts") + 1, error=told):
        return  # cancelled or withdrawn meanwhile, and so are its pieces
    logger.error("exporting failed", extra={"export": str(export_id), "error": told})
    with transaction.atomic():
        for export in running.select_for_update().filter(attempts__gte=MOST_ATTEMPTS):
            pieces.delete(export)
            running.update(state=State.FAILED, ended_at=Now(), asked={})
