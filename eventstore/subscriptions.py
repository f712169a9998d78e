"""How everything downstream keeps up: named readers of the log with checkpoints.

A subscription's work is split into buckets by hash of the stream.  A worker leases free
buckets (row locks), reads one batch below the watermark, applies it and moves the
checkpoints, all in one transaction: the effect on a read model is exactly once however
often Celery runs the task, and the order inside each stream is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from eventstore import (
    batching,
    checkpoints,
    copies,
    effects,
    heartbeats,
    history,
    pauses,
    quarantine,
    read_models,
    store,
)
from eventstore.checkpoints import NOWHERE, Reached
from eventstore.effects import Perform
from eventstore.errors import UnknownSubscriptionError
from eventstore.events import RecordedEvent
from eventstore.models import Pause
from eventstore.read_models import Table

# Kinds of subscriptions.
PROJECTION = "projection"
REACTOR = "reactor"
COURIER = "courier"

SLICE_SECONDS = 20.0  # how long one run keeps going before others get their turn
STEP_SECONDS = 1.0  # how long effects go on before a pause is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Fills a read model; may be replayed at will.

    Attributes:
        name: Stored with the checkpoints, for ever.
        apply: Writes a batch, in order of position; applying it twice changes nothing.
        forget: Deletes what it keeps of a person, given their stream; called when the
            person is erased, in that transaction.  Left out by what keeps nothing.
        tables: What it fills; can be rebuilt when they are named (ADR-0033).
        code: Functions beside ``apply`` whose modules decide the rows, too.
        handles: Union of the event classes whose payloads it looks at, if any.
    """

    name: str
    apply: Callable[[Sequence[RecordedEvent]], None]
    forget: Callable[[str], object] | None = None
    tables: tuple[Table, ...] = ()
    code: tuple[Callable[..., Any], ...] = ()
    handles: Any = None

    @property
    def digest(self) -> str:
        """Of the code that decides the rows; empty when nothing can be rebuilt."""
        if not self.tables:
            return ""
        return read_models.digest((self.apply, *self.code), self.handles, self.tables)

    def copy(self, schema: str) -> Projection:
        """Return the projection that fills the tables in *schema*, beside this one."""

        def apply(events: Sequence[RecordedEvent]) -> None:
            with copies.within(self.name, schema):
                self.apply(events)

        return Projection(name=copies.name_of(self.name, schema), apply=apply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactor:
    """Causes effects in the outside world; never replayed (ADR-0011).

    Its checkpoints are made by a migration, at the watermark of that day: what happened
    before the reactor existed never causes an effect.

    Attributes:
        name: Stored with checkpoints and effects, for ever.
        wants: Says whether an event calls for the effect.
        perform: Causes it, given the event and the effect's own key; called again, with
            the same key, only when it raised or the worker was killed.
        wants_history: Whether imported events may call for it, too (ADR-0019).
    """

    name: str
    wants: Callable[[RecordedEvent], bool]
    perform: Perform
    wants_history: bool = False

    def apply(self, events: Sequence[RecordedEvent]) -> None:
        """Note the effects that *events* call for, once each."""
        wanted = [event for event in events if self.wants(event)]
        if not self.wants_history:
            wanted = history.without_imported(wanted)
        effects.note(self.name, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    """Causes effects in many places at once; never replayed, as a reactor.

    Attributes:
        name: Stored with the checkpoints, for ever.
        note: Notes what a batch of events, in order of position, is owed to whom; once,
            however often it is called.
        bring_due: Brings what is owed, for so many seconds; False when there is more.
        is_due: Says whether something owed waits for somebody to bring it.
        forget: As of a :class:`Projection`.
    """

    name: str
    note: Callable[[Sequence[RecordedEvent]], None]
    bring_due: Callable[[float], bool]
    is_due: Callable[[], bool]
    forget: Callable[[str], object] | None = None

    def apply(self, events: Sequence[RecordedEvent]) -> None:
        """Note what is owed because of *events*."""
        self.note(events)


Subscription = Projection | Reactor | Courier


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a subscription has come.

    Attributes:
        kind: ``projection``, ``reactor`` or ``courier``.
        position: Everything at or below is applied.
        behind: Positions between that and the watermark; gaps count.
        error: What stopped it last, empty when nothing does.
        letters: Streams set aside with an open dead letter.
        pause: Why and by whom it is paused; None while it runs.
        is_changed: Other code than this filled its read model: rebuild it.
        is_rebuildable: It names the tables it fills.
    """

    name: str
    kind: str
    position: int
    behind: int
    error: str
    letters: int
    pause: Pause | None
    is_changed: bool = False
    is_rebuildable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """How far a subscription is with one event.

    Attributes:
        kind: ``projection``, ``reactor`` or ``courier``.
        is_done: Whether it has come past the event.
        error: What keeps the event waiting, empty when nothing does.
    """

    name: str
    kind: str
    is_done: bool
    error: str


def all_subscriptions() -> Sequence[Subscription]:
    """Return every subscription listed in ``config/subscriptions.py``."""
    listed: Sequence[Subscription] = import_string(settings.EVENTSTORE_SUBSCRIPTIONS)
    return listed


def find(name: str) -> Subscription:
    """Return the subscription called *name*, or a copy of one.

    Raises:
        UnknownSubscriptionError: None is.
    """
    original, _mark, schema = name.partition(copies.MARK)
    for subscription in all_subscriptions():
        if subscription.name == original:
            if not schema:
                return subscription
            if isinstance(subscription, Projection) and schema in (
                copies.NEXT,
                copies.KEPT,
            ):
                return subscription.copy(schema)
    raise UnknownSubscriptionError(name)


def note_code() -> None:
    """Note by which code each read model is filled, where that was never noted."""
    known = read_models.noted()
    for each in all_subscriptions():
        if isinstance(each, Projection) and each.name not in known:
            read_models.note(each.name, each.digest)


def changed() -> list[str]:
    """Return the projections whose rows other code wrote.  One query."""
    known = read_models.noted()
    return [
        each.name
        for each in all_subscriptions()
        if _is_changed(each, known.get(each.name, ""))
    ]


def catch_up(subscription: Subscription, *, seconds: float = SLICE_SECONDS) -> bool:
    """Apply everything below the watermark; return False when the time ran out first.

    Safe to run at any time, twice, and beside other workers; while the subscription is
    paused there is nothing to do.  An event that cannot be applied sets its stream
    aside (:mod:`eventstore.quarantine`).  Where the installation is to blame, the
    batch is rolled back and its buckets are tried one by one: the one in trouble waits,
    with the error kept beside its checkpoint, and is tried again after a while.  A lost
    database connection is raised to the caller.
    """
    begin(subscription)
    heartbeats.beat(subscription.name)
    if pauses.is_paused(subscription.name):
        return True
    end = time.monotonic() + seconds
    quarantine.retry_due(subscription.name, subscription.apply, seconds=seconds)
    suspects = checkpoints.due_again(subscription.name)
    while batching.go_on(subscription.name, subscription.apply, suspects):
        heartbeats.beat(subscription.name)
        if time.monotonic() > end:
            return False
    return True


def perform_due(subscription: Subscription, *, seconds: float = SLICE_SECONDS) -> bool:
    """Cause the effects that are due, if there are such; False if time ran out first.

    Safe to run at any time, twice, and beside other workers.  A pause ends it within a
    second, after the effect that is under way.
    """
    end = time.monotonic() + seconds
    while not pauses.is_paused(subscription.name):
        heartbeats.beat(subscription.name)
        if _perform_some(subscription):
            return True
        if time.monotonic() > end:
            return False
    return True


def progress(subscription: Subscription) -> Progress:
    """Return how far *subscription* has come.  Three queries."""
    return _progress_at(store.watermark(), [subscription])[0]


def progress_of_all(
    mark: int,
    *,
    paused: Mapping[str, Pause] | None = None,
    only: Sequence[Subscription] | None = None,
) -> list[Progress]:
    """Return how far each subscription has come towards the watermark *mark*.

    One query, and one for what is paused, unless the caller knows it.

    Args:
        mark: A watermark.
        paused: What is paused, by name.
        only: These subscriptions and no others.
    """
    wanted = all_subscriptions() if only is None else only
    return _progress_at(mark, wanted, paused)


def handling(event: RecordedEvent) -> list[Handling]:
    """Return how far each subscription is with *event*.  One query."""
    found = checkpoints.reached_for(event.stream)
    return [
        _handling(each, event, found.get(each.name, NOWHERE))
        for each in all_subscriptions()
    ]


def begin(subscription: Subscription) -> None:
    """Make the checkpoints of a projection that is new; a copy has its own already."""
    if isinstance(subscription, Projection) and copies.MARK not in subscription.name:
        is_new = checkpoints.ensure(subscription.name)
        if is_new:
            read_models.note(subscription.name, subscription.digest)


def _handling(
    subscription: Subscription, event: RecordedEvent, reached: Reached
) -> Handling:
    is_done = reached.position >= event.position
    return Handling(
        name=subscription.name,
        kind=_kind(subscription),
        is_done=is_done,
        error="" if is_done else reached.error,
    )


def _kind(subscription: Subscription) -> str:
    match subscription:
        case Projection():
            return PROJECTION
        case Reactor():
            return REACTOR
        case Courier():
            return COURIER


def _progress_at(
    mark: int,
    wanted: Sequence[Subscription],
    known: Mapping[str, Pause] | None = None,
) -> list[Progress]:
    found = checkpoints.reached()
    paused = pauses.every() if known is None else known
    return [
        Progress(
            name=each.name,
            kind=_kind(each),
            position=found.get(each.name, NOWHERE).position,
            behind=max(mark - found.get(each.name, NOWHERE).position, 0),
            error=found.get(each.name, NOWHERE).error,
            letters=found.get(each.name, NOWHERE).letters,
            pause=paused.get(each.name),
            is_changed=_is_changed(each, found.get(each.name, NOWHERE).filled_by),
            is_rebuildable=isinstance(each, Projection) and bool(each.tables),
        )
        for each in wanted
    ]


def _is_changed(subscription: Subscription, filled_by: str) -> bool:
    if not isinstance(subscription, Projection) or not subscription.digest:
        return False
    return filled_by not in ("", subscription.digest)


def _perform_some(subscription: Subscription) -> bool:
    match subscription:
        case Reactor():
            perform = subscription.perform
            return effects.perform_due(subscription.name, perform, seconds=STEP_SECONDS)
        case Courier():
            return subscription.bring_due(STEP_SECONDS)
        case Projection():
            return True
