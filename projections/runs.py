"""Reprocessing many users: begun on a preview, a chunk a transaction, never half done.

A run's row says where it stands; every change of it is an event of the run's stream, in
the same transaction, but for what stops it at the moment.  The row lock is the lease: a
killed worker frees the run at once, its last chunk undone, and any worker goes on from
the cursor.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import transaction
from django.utils import timezone

from eventstore import circumstances, faults, reasons, store
from eventstore.circumstances import acting
from eventstore.events import NO_STREAM, SYSTEM
from eventstore.wording import worded
from projections import findings, reprocess, scopes
from projections.events import (
    Repaired,
    ReprocessAdvanced,
    ReprocessChanged,
    ReprocessFinished,
    ReprocessStarted,
)
from projections.findings import CREATE, DELETE, Finding
from projections.models import ReprocessRun
from projections.read_models import code_version, named
from projections.scopes import ScopeError

logger = logging.getLogger(__name__)

CATEGORY = "reprocess"
ACTOR = "system:reprocess"
CHUNK = 100  # users a transaction: live traffic waits for no more
SLICE_SECONDS = 20.0  # how long one task keeps going; well below Celery's time limit
POLL_SECONDS = 0.2  # between two looks at a run that a worker has taken
RECENT = 50  # runs listed

NONE = worded("There is no such run.")
# Changes of a run.
PAUSED = "paused"
RESUMED = "resumed"
CANCELLED = "cancelled"
TRIED = "tried on a few"

State = ReprocessRun.State
HALTED = (State.PAUSED, State.ASKING)
OPEN = (State.RUNNING, *HALTED)
CANARY = 5  # users tried first, when somebody wants that


class RunStateError(Exception):
    """The run is not in a state in which this can be done, or there is none."""


def start(token: str, *, reason: str, canary: int = 0) -> ReprocessRun:
    """Begin what a preview showed, and return the run.  Nobody is repaired yet.

    Args:
        token: Of the preview.
        reason: Why.
        canary: After how many users who needed it the run asks; 0 for not at all.

    Raises:
        StalePreviewError: The preview is no longer true; see ``reprocess.check``.
    """
    reason = reasons.proper(reason, most=reprocess.REASON_LENGTH)
    facts = reprocess.opened(token)
    if not isinstance(facts, dict):
        raise reprocess.StalePreviewError  # one user's
    reprocess.check(facts)
    scope = scopes.from_json(facts["scope"])
    known, now = circumstances.current(), timezone.now()
    counts = facts["counts"]
    wrong = sum(counts[name] for name in findings.ACTIONS if name != findings.NOTHING)
    made = ReprocessRun(
        run_id=uuid.uuid7(),
        version=0,
        scope=facts["scope"],
        projections=facts["names"],
        code=facts["code"],
        reason=reason,
        actor=known.actor,
        correlation_id=known.correlation_id,
        position=facts["position"],
        users=facts["users"],
        previewed=counts,
        started_at=now,
        moved_at=now,
        canary=canary,
    )
    began = ReprocessStarted(
        asked=scope.words,
        projections=facts["names"],
        users=facts["users"],
        would_change=wrong,
        checked=counts["checked"],
        position=facts["position"],
        code=facts["code"],
        reason=reason,
        canary=canary,
    )
    with transaction.atomic():
        _record(made, began)
        made.save(force_insert=True)
    return made


def go_on_all(*, seconds: float = SLICE_SECONDS) -> None:
    """Go on with every run that runs, the oldest first, for so long.

    Safe to call at any time, twice, and beside other workers.
    """
    end = time.monotonic() + seconds
    running = ReprocessRun.objects.filter(state=State.RUNNING).order_by("started_at")
    for run_id in running.values_list("pk", flat=True):
        attempt(run_id, seconds=end - time.monotonic())


def attempt(run_id: UUID, *, seconds: float) -> None:
    """Go on with a run, and keep beside it what stops it: it is tried again.

    Raises:
        OperationalError: The connection is lost.
    """
    try:
        go_on(run_id, seconds=seconds)
    # One run in trouble must not hold up the others, nor whoever began it.
    except Exception as error:
        if faults.is_lost_connection(error):
            raise
        trouble = faults.described(error)
        told = {"run": str(run_id), "error": trouble}
        logger.error("reprocessing failed", extra=told)  # noqa: TRY400 - no text
        still = ReprocessRun.objects.filter(pk=run_id, state=State.RUNNING)
        still.update(error=trouble)


def go_on(
    run_id: UUID,
    *,
    seconds: float = SLICE_SECONDS,
    on_chunk: Callable[[ReprocessRun], None] | None = None,
) -> bool:
    """Go on with a run; False when the time ran out first.

    True when it ended, stopped or was cancelled, or when another worker is at it.

    Args:
        run_id: Which.
        seconds: For how long; a chunk that is under way is brought to its end.
        on_chunk: Called with the run after each chunk.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        moved = _step(run_id)
        if moved is not None and on_chunk is not None:
            on_chunk(moved)
        if moved is None or moved.state != State.RUNNING:
            return True
    return False


def finished(
    run: ReprocessRun, *, on_chunk: Callable[[ReprocessRun], None] | None = None
) -> ReprocessRun:
    """Go on with *run* until it runs no more, or wait for the worker that does.

    Returns it as it stands then: finished, paused, asking or cancelled.
    """
    while run.state == State.RUNNING:
        go_on(run.run_id, seconds=math.inf, on_chunk=on_chunk)
        run.refresh_from_db()
        if run.state == State.RUNNING:  # a worker took it
            time.sleep(POLL_SECONDS)
    return run


def pause(run_id: UUID, *, reason: str = "") -> None:
    """Repair nobody from the next chunk on, until :func:`resume`.

    Raises:
        RunStateError: It does not run.
    """
    with transaction.atomic():
        run = _locked(run_id, State.RUNNING)
        run.state, run.note = State.PAUSED, reasons.proper(reason)
        _save(run, ReprocessChanged(change=PAUSED, reason=run.note, code=run.code))


def resume(run_id: UUID) -> None:
    """Go on where it stopped, with the code there is now.

    Where it stopped to ask, this is the answer.

    Raises:
        RunStateError: It is not paused, and asks nothing.
    """
    with transaction.atomic():
        run = _locked(run_id, *HALTED)
        if run.state == State.ASKING:
            run.canary = 0
        run.state, run.note = State.RUNNING, ""
        run.code = code_version(tuple(run.projections))
        _save(run, ReprocessChanged(change=RESUMED, reason="", code=run.code))


def cancel(run_id: UUID, *, reason: str = "") -> None:
    """End it where it is; who is repaired stays so.

    Raises:
        RunStateError: It has ended.
    """
    with transaction.atomic():
        run = _locked(run_id, *OPEN)
        run.state, run.note = State.CANCELLED, reasons.proper(reason)
        _ended(run)
        _save(run, ReprocessChanged(change=CANCELLED, reason=run.note, code=run.code))


def found(run_id: UUID) -> ReprocessRun:
    """Return one run.

    Raises:
        RunStateError: There is none.
    """
    run = ReprocessRun.objects.filter(pk=run_id).first()
    if run is None:
        raise RunStateError(NONE)
    return run


def recent() -> list[ReprocessRun]:
    """Return the newest runs, at most 50.  One query."""
    return list(ReprocessRun.objects.order_by("-started_at")[:RECENT])


def rate(run: ReprocessRun) -> float:
    """Return how many users a second it checks."""
    return run.checked / max(run.worked_seconds, 0.001)


def left_seconds(run: ReprocessRun) -> float:
    """Return how long it will still take, if it goes on as it did."""
    return max(run.users - run.checked, 0) / rate(run) if run.checked else 0.0


def _step(run_id: UUID) -> ReprocessRun | None:
    """Do one chunk; None when there is nothing to do, or another worker does it."""
    with transaction.atomic():
        run = (
            ReprocessRun.objects.select_for_update(skip_locked=True)
            .filter(pk=run_id, state=State.RUNNING)
            .first()
        )
        if run is None:
            return None
        with acting(actor=ACTOR, source=SYSTEM, correlation_id=run.correlation_id):
            _advance(run)
        return run


def _advance(run: ReprocessRun) -> None:
    code = code_version(tuple(run.projections))
    if code != run.code:
        _stop(
            run,
            f"The projections' code changed: it was version {run.code} and is {code}.",
        )
        return
    began = time.monotonic()
    try:
        chunk = scopes.from_json(run.scope).after(run.cursor, limit=CHUNK)
    except ScopeError as error:
        _stop(run, f"The filter is no longer understood: {error}")
        return
    if not chunk:
        _finish(run)
        return
    most = run.canary - len(run.tried) if run.canary else None
    done = _repaired([user_id for _cursor, user_id in chunk], run.projections, most)
    seconds = time.monotonic() - began
    run.worked_seconds += seconds
    run.cursor = chunk[len(done) - 1][0]
    if run.canary:
        run.tried += [_outcome(each) for each in done if each.differences or each.error]
    _count(run, done, milliseconds=round(seconds * 1000))
    if run.canary and len(run.tried) >= run.canary:
        run.state = State.ASKING
        _save(run, ReprocessChanged(change=TRIED, reason="", code=run.code))


def _stop(run: ReprocessRun, note: str) -> None:
    run.state, run.note = State.PAUSED, note
    _save(run, ReprocessChanged(change=PAUSED, reason=note, code=run.code))


def _repaired(
    user_ids: Sequence[UUID], names: Sequence[str], most: int | None
) -> list[Finding]:
    """Repair whoever needs it, up to the one who is number *most*; return all seen.

    Only the buckets of those repaired are held.
    """
    models = named(names)
    seen = {each.user_id: each for each in findings.examine(user_ids, models)}
    needy = [
        user_id for user_id, each in seen.items() if each.differences or each.error
    ]
    if most is not None and len(needy) >= most:
        last = list(seen).index(needy[most - 1])
        seen = dict(list(seen.items())[: last + 1])
    wrong = [user_id for user_id, each in seen.items() if each.differences]
    if wrong:
        seen |= {each.user_id: each for each in findings.repair(wrong, models)}
    return list(seen.values())


def _outcome(each: Finding) -> dict[str, Any]:
    fields = [found.name for found in each.differences]
    return {
        "stream": each.stream,
        "fields": fields,
        "failed": each.error is not None,
    }


def _count(run: ReprocessRun, done: Sequence[Finding], *, milliseconds: int) -> None:
    repaired = [each for each in done if each.differences]
    failed = [each for each in done if each.error is not None]
    moved = ReprocessAdvanced(
        cursor=run.cursor,
        checked=len(done),
        repaired=[
            Repaired(subject=each.stream, fields=[d.name for d in each.differences])
            for each in repaired
        ],
        created=sum(each.action == CREATE for each in repaired),
        deleted=sum(each.action == DELETE for each in repaired),
        failed=[each.stream for each in failed],
        later=sum(each.position > run.position for each in repaired),
        milliseconds=milliseconds,
    )
    run.checked += moved.checked
    run.changed += len(repaired)
    run.created += moved.created
    run.deleted += moved.deleted
    run.failed += len(failed)
    run.later += moved.later
    if failed:
        run.note = faults.described(failed[-1].error or RunStateError())
    _save(run, moved)


def _finish(run: ReprocessRun) -> None:
    run.state = State.FINISHED
    _ended(run)
    fact = ReprocessFinished(
        checked=run.checked,
        changed=run.changed,
        created=run.created,
        deleted=run.deleted,
        failed=run.failed,
    )
    _save(run, fact)


def _ended(run: ReprocessRun) -> None:
    run.ended_at = timezone.now()
    run.scope = scopes.from_json(run.scope).masked.to_json()


def _locked(run_id: UUID, *states: str) -> ReprocessRun:
    run = ReprocessRun.objects.select_for_update().filter(pk=run_id).first()
    if run is None or run.state not in states:
        known = worded("The run is {state}.", state=str(run.state)) if run else NONE
        raise RunStateError(known)
    return run


def _save(run: ReprocessRun, fact: object) -> None:
    run.moved_at, run.error = timezone.now(), ""
    _record(run, fact)
    run.save()


def _record(run: ReprocessRun, fact: Any) -> None:
    stream = f"{CATEGORY}-{run.run_id}"
    expected = run.version or NO_STREAM
    run.version = store.append(stream, [fact], expected_version=expected).version
