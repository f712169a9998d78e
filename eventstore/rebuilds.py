"""What operators do to build a read model anew, beside the live one; each is an event.

Workers do the work (:mod:`eventstore.rebuilding`).  Nothing here causes an effect, and
readers see the old tables until the moment of the switch (ADR-0033).
"""

from __future__ import annotations

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import (
    checkpoints,
    circumstances,
    copies,
    doorbell,
    pauses,
    quarantine,
    read_models,
    reasons,
    standings,
    store,
    subscriptions,
)
from eventstore import subscription_events as told
from eventstore.approvals import granting
from eventstore.approvals.errors import SecondPersonError
from eventstore.approvals.events import REBUILD
from eventstore.copies import ACTIVE, KEPT, NEXT, SWITCHED
from eventstore.errors import (
    CodeRefutedError,
    NoRebuildError,
    NotChangedError,
    NotComparedError,
    NotRebuildableError,
    RebuildRunsError,
    SwitchRefusedError,
    TooManyLettersError,
    UnreadableEventError,
)
from eventstore.models import Rebuild
from eventstore.repository import refuse_unreadable
from eventstore.subscriptions import Projection
from eventstore.wording import worded

GAP = 5_000  # events that a switch catches up with, at most
LOCK_SECONDS = 3  # how long a switch waits for readers of the tables
COLUMNS_CHANGED = "AN007"  # SQLSTATE of ours

State = Rebuild.State


def rebuildable(name: str) -> Projection:
    """Return the projection called *name*, which names its tables.

    Raises:
        NotRebuildableError: It does not, or is none.
        UnknownSubscriptionError: No subscription is called so.
    """
    found = subscriptions.find(name)
    if not isinstance(found, Projection) or not found.tables:
        raise NotRebuildableError(name)
    return found


def names() -> set[str]:
    """Return the projections that name their tables."""
    return {
        each.name
        for each in subscriptions.all_subscriptions()
        if isinstance(each, Projection) and each.tables
    }


def start(name: str, *, reason: str) -> Rebuild:
    """Begin to build the read model of *name* anew.

    Raises:
        NoReasonError: *reason* is empty.
        NotRebuildableError: Nothing is known of its tables.
        RebuildRunsError: Somebody did so before.
        SecondPersonError: A second person must approve it, and none did.
    """
    projection = rebuildable(name)
    why = reasons.wanted(reason)
    _refuse_alone(name)
    until = store.watermark()
    try:
        with transaction.atomic():
            made = Rebuild.objects.create(
                subscription=name,
                actor=circumstances.current().actor,
                reason=why,
                digest=projection.digest,
                until=until,
                started_at=timezone.now(),
            )
            # What was never filled has points at nothing: they go along at a switch.
            subscriptions.begin(projection)
            copies.begin(tables_of(projection))
            checkpoints.ensure(copies.name_of(name, NEXT), until)
            pauses.tell(name, told.REBUILD_STARTED, why)
            doorbell.ring_after_commit()
    except IntegrityError as error:
        running = active(name)
        raise RebuildRunsError(name, running.actor if running else "") from error
    return made


def pause(name: str, *, reason: str = "") -> None:
    """Have workers leave it alone from their next step on, until :func:`resume`.

    While indexes are made, from their end on: meanwhile nobody is erased from the copy.

    Raises:
        NoRebuildError: None is active, or it is paused.
    """
    with transaction.atomic():
        found = _locked(name, "pause", *ACTIVE)
        if found.paused_by:
            raise NoRebuildError(name, "pause")
        found.paused_by = circumstances.current().actor
        found.save(update_fields=["paused_by"])
        pauses.tell(name, told.REBUILD_PAUSED, reasons.proper(reason))


def resume(name: str) -> None:
    """Go on where it stopped.

    Raises:
        NoRebuildError: None is paused.
    """
    with transaction.atomic():
        found = _locked(name, "resume", *ACTIVE)
        if not found.paused_by:
            raise NoRebuildError(name, "resume")
        found.paused_by = ""
        found.save(update_fields=["paused_by"])
        pauses.tell(name, told.REBUILD_RESUMED)
        doorbell.ring_after_commit()


def cancel(name: str, *, reason: str = "") -> None:
    """Give it up and drop what was built.

    Raises:
        NoRebuildError: None is active.
    """
    projection = rebuildable(name)
    with transaction.atomic():
        copies.hold_points(copies.name_of(name, NEXT))
        found = _locked(name, "cancel", *ACTIVE)
        copies.drop(name, tables_of(projection), NEXT)
        found.state = State.CANCELLED
        found.save(update_fields=["state"])
        pauses.tell(name, told.REBUILD_CANCELLED, reasons.proper(reason))


def switch(name: str, *, reason: str = "", with_letters: bool = False) -> None:
    """Put the rebuilt tables in the place of the live ones; these are kept a while.

    One transaction, with the checkpoints and dead letters: a reader sees all of the old
    table or all of the new one, which has come at least as far.

    Args:
        name: Whose.
        reason: Why.
        with_letters: Even if some streams could not be applied to the new tables.

    Raises:
        NoRebuildError: None is ready.
        SwitchRefusedError: It is too far behind, some streams could not be applied, the
            tables are in use, or a migration changed them meanwhile.
    """
    states = (State.READY, State.SWITCHED_BACK)
    _switch(name, reason, told.SWITCHED, states, with_letters=with_letters)


def switch_back(name: str, *, reason: str = "") -> None:
    """Put the kept tables in the place of the live ones, which are kept in turn.

    Raises:
        NoRebuildError: None are kept, or a rebuild is active.
        SwitchRefusedError: See :func:`switch`; what could not be applied to the kept
            tables stops nobody here, for this is the way out.
    """
    _switch(name, reason, told.SWITCHED_BACK, (State.SWITCHED,), with_letters=True)


def compare(name: str) -> Rebuild:
    """Have a worker compare the copy with the live tables once more; return which.

    Raises:
        NoRebuildError: There is no copy that was filled.
        NotComparedError: Workers leave it alone, or are busy with another one.
    """
    projection = rebuildable(name)
    with transaction.atomic():
        found = _locked(name, "compare", State.READY, *SWITCHED)
        _refuse_left_alone(projection, found)
        found.is_comparison_due, found.error = True, ""
        found.save(update_fields=["is_comparison_due", "error"])
        doorbell.ring_after_commit()
    return found


def drop_kept(name: str) -> None:
    """Drop the tables that were switched away from; there is no way back then.

    Raises:
        NoRebuildError: None are kept.
    """
    projection = rebuildable(name)
    with transaction.atomic():
        copies.hold_points(copies.name_of(name, KEPT))
        found = _locked(name, "drop", *SWITCHED)
        copies.drop(name, tables_of(projection), KEPT)
        found.state = State.DROPPED
        found.save(update_fields=["state"])
        pauses.tell(name, told.KEPT_DROPPED)


def accept(name: str, *, reason: str) -> None:
    """Say that the changed code of *name* would write the same rows: no rebuild.

    Raises:
        NoReasonError: *reason* is empty.
        NotRebuildableError: See :func:`start`.
        CodeRefutedError: A comparison has shown that it would not.
        NotChangedError: The code that fills it is the code that filled it.
    """
    projection = rebuildable(name)
    why = reasons.wanted(reason)
    if name not in subscriptions.changed():
        raise NotChangedError(name)
    standing = standings.current(name)
    if standing is not None and standing.is_refuted:
        raise CodeRefutedError(name)
    with transaction.atomic():
        read_models.renew(name, projection.digest)
        pauses.tell(name, told.CODE_ACCEPTED, why)


def active(name: str) -> Rebuild | None:
    """Return the rebuild that runs, or waits to be switched to."""
    return Rebuild.objects.filter(subscription=name, state__in=ACTIVE).first()


def tables_of(projection: Projection) -> list[str]:
    """Return the names of its tables."""
    return [table.name for table in projection.tables]


def is_whole(projection: Projection, kept: Rebuild) -> bool:
    """Return whether every table of *projection* is among those that were kept.

    Where newer code added one, what is written to it would go to the live table.
    """
    return copies.has(copies.SCHEMAS[kept.state], tables_of(projection))


def _refuse_alone(name: str) -> None:
    if granting.is_wanted(REBUILD, told.stream_of(name)):
        if running := active(name):
            raise RebuildRunsError(name, running.actor)
        raise SecondPersonError


def _refuse_left_alone(projection: Projection, found: Rebuild) -> None:
    name, other = projection.name, active(projection.name)
    if other is not None and other.pk != found.pk:
        why = worded("another rebuild is being filled; wait for it, or cancel it")
        raise NotComparedError(name, why)
    if found.paused_by:
        raise NotComparedError(name, worded("it is paused; resume it first"))
    if found.state == State.READY and found.digest != projection.digest:
        why = worded("it was begun by other code; cancel it and start again")
        raise NotComparedError(name, why)
    if found.state in SWITCHED and not is_whole(projection, found):
        why = worded("the code that runs has tables that were not kept")
        raise NotComparedError(name, why)


def _switch(
    name: str,
    reason: str,
    change: str,
    states: tuple[State, ...],
    *,
    with_letters: bool,
) -> None:
    projection = rebuildable(name)
    act = "switch back" if change == told.SWITCHED_BACK else "switch"
    try:
        with transaction.atomic():
            _set_lock_timeout()
            copies.hold_points(
                name, copies.name_of(name, NEXT), copies.name_of(name, KEPT)
            )
            found = _locked(name, act, *states)
            _exchange(projection, found, with_letters=with_letters)
            pauses.tell(name, change, reasons.proper(reason))
            doorbell.ring_after_commit()
    except (UnreadableEventError, TooManyLettersError) as error:
        why = worded("the gap to the log cannot be closed: {fault}", fault=str(error))
        raise SwitchRefusedError(name, why) from error
    except DatabaseError as error:
        raise SwitchRefusedError(name, _why(error)) from error


def _exchange(projection: Projection, found: Rebuild, *, with_letters: bool) -> None:
    name = projection.name
    is_first = found.state == State.READY
    if not is_first and active(name):
        why = worded("another rebuild is active; cancel it first")
        raise SwitchRefusedError(name, why)
    schema = NEXT if is_first else KEPT
    _close_gap(projection, schema)
    if not with_letters and (
        letters := standings.letters(copies.name_of(name, schema))
    ):
        raise SwitchRefusedError(name, _advice(letters))
    if is_first:
        older = Rebuild.objects.filter(subscription=name, state__in=SWITCHED)
        older.update(state=State.DROPPED)
    copies.switch(name, tables_of(projection), schema)
    is_back = found.state == State.SWITCHED
    incoming = found.other_digest if is_back else found.digest
    outgoing = read_models.renew(name, incoming)
    if is_first:
        found.other_digest = outgoing
        found.switched_at = Now()
    found.state = State.SWITCHED_BACK if is_back else State.SWITCHED
    found.comparison, found.paused_by = None, ""
    found.save()


def _close_gap(projection: Projection, schema: str) -> None:
    """Bring the copy as far as the live tables; the checkpoints of both are held."""
    copy = projection.copy(schema)
    mark = store.watermark()
    seen = checkpoints.positions(copy.name)
    read = store.read_all(
        after=min(seen.values()), until=mark, buckets=list(seen), limit=GAP
    )
    if len(read) == GAP:
        why = worded("it is too far behind; wait a while")
        raise SwitchRefusedError(projection.name, why)
    due = [event for bucket, event in read if event.position > seen[bucket]]
    refuse_unreadable(due)
    quarantine.apply_sound(copy.name, copy.apply, due)
    behind = {bucket: at for bucket, at in seen.items() if at < mark}
    checkpoints.advance(copy.name, behind, mark)


def _advice(letters: int) -> str:
    if letters == 1:
        return worded(
            "1 stream could not be applied to the new tables;"
            " see to the dead letter, or switch with it"
        )
    counted = f"{letters:,}"
    return worded(
        "{letters} streams could not be applied to the new tables;"
        " see to the dead letters, or switch with them",
        letters=counted,
    )


def _locked(name: str, act: str, *states: State) -> Rebuild:
    mine = Rebuild.objects.filter(subscription=name, state__in=states)
    # One that is ready is newer than the one whose tables are kept.
    found = mine.order_by("-pk").select_for_update().first()
    if found is None:
        raise NoRebuildError(name, act)
    return found


def _set_lock_timeout() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS}s"]
        )


def _why(error: DatabaseError) -> str:
    if getattr(error.__cause__, "sqlstate", "") == COLUMNS_CHANGED:
        return worded("a migration changed the tables meanwhile; start again")
    fault = type(error.__cause__).__name__
    return worded("the database said {fault}; try again", fault=fault)
