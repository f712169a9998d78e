"""What a ring of the doorbell leads to: a brief look after every subscription.

One message a ring, not one a subscription: telling each apart cost the web more than
the commands it told of.  And one worker at a time: the others would do the same work in
smaller pieces, and rings would queue behind each other (ADR-0042).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eventstore import (
    batching,
    checkpoints,
    effects,
    faults,
    heartbeats,
    pauses,
    store,
    subscriptions,
    turns,
)
from eventstore.batching import News
from eventstore.checkpoints import NOWHERE, Reached
from eventstore.doorbell import doorbell
from eventstore.subscriptions import Courier, Projection, Reactor, Subscription
from eventstore.turns import Turn, TurnLostError

BRIEF_SECONDS = 0.25  # for each subscription that is behind
TURN_SECONDS = 2.0  # how long one worker goes on before others get their turn
LINGER_SECONDS = 0.06  # after the last event: a little longer than a bell's pause
LOOK_SECONDS = 0.01  # between two looks at the watermark meanwhile

Ask = Callable[[str], object]


class Lane(StrEnum):
    """What is looked after together: nobody who waits for a row waits for an effect."""

    READ_MODELS = "read models"
    EFFECTS = "effects"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one look.

    Attributes:
        mark: The watermark it went by.
        unfinished: Who needs a run of their own.
        errors: What stopped some.
        had_news: Whether there were a few new events.
    """

    mark: int
    unfinished: Sequence[str]
    errors: Sequence[Exception]
    had_news: bool


def look_after(lane: Lane, ask: Ask, *, seconds: float = TURN_SECONDS) -> bool:
    """Catch up with whatever is behind, for a moment each, in the order of the list.

    Goes on while somebody rings, for so many seconds; for read models, while events
    come, too, for a ring would take longer than a look.  While another worker is at it
    there is nothing to do, for it will look once more: one query, and False.

    Args:
        lane: Which subscriptions.
        ask: Called, once each, with the name of whoever needs a run of their own: still
            behind after that moment, or with effects due, which take as long as another
            system likes.
        seconds: For how long at most.

    Raises:
        ExceptionGroup: Of what stopped some of them; the others were looked after.
        OperationalError: The connection is lost.
    """
    turn = turns.take(lane)
    if turn is None:
        return False
    try:
        _look_while_wanted(lane, turn, ask, time.monotonic() + seconds)
    except Exception as error:
        if not faults.is_lost_connection(error):
            _leave(turn)
        raise
    return True


def _look_while_wanted(lane: Lane, turn: Turn, ask: Ask, until: float) -> None:
    asked: set[str] = set()
    while True:
        look = _look_after_each(lane)
        for name in look.unfinished:
            if name not in asked:
                asked.add(name)
                ask(name)
        if look.errors:
            message = "some subscriptions could not be looked after"
            raise ExceptionGroup(message, look.errors)
        is_hurried = lane is Lane.READ_MODELS and look.had_news
        if is_hurried and _more_comes(look.mark, until):
            continue
        if _has_ended(turn):
            return
        if time.monotonic() > until:
            _leave(turn, is_wanted=True)
            return


def _more_comes(mark: int, until: float) -> bool:
    """Wait a moment; return True as soon as more is recorded, False at the end."""
    until = min(until, time.monotonic() + LINGER_SECONDS)
    while time.monotonic() < until:
        if store.watermark() > mark:
            return True
        time.sleep(LOOK_SECONDS)
    return False


def _has_ended(turn: Turn) -> bool:
    try:
        return not turn.end()
    except TurnLostError:
        # The other passed by the buckets that we held: somebody looks once more.
        doorbell.ring()
        return True


def _leave(turn: Turn, *, is_wanted: bool = False) -> None:
    if turn.give_up() or is_wanted:
        doorbell.ring()


def _look_after_each(lane: Lane) -> Look:
    listed = [each for each in subscriptions.all_subscriptions() if _lane(each) is lane]
    paused, mark, reached = pauses.every(), store.watermark(), checkpoints.reached()
    stand = [reached.get(each.name, NOWHERE) for each in listed]
    news = _read_news(stand, mark)
    unfinished, errors, seen = [], [], []
    for each, at in zip(listed, stand, strict=True):
        try:
            is_done = each.name in paused or _look_after(each, mark, at, news)
        # One that fails must not stop the others; it is not seen, so it shows.
        except Exception as error:
            if faults.is_lost_connection(error):
                raise
            errors.append(error)
            continue
        seen.append(each.name)
        if not is_done:
            unfinished.append(each.name)
    heartbeats.beat(*seen)
    return Look(mark, unfinished, errors, had_news=news is not None)


def _lane(subscription: Subscription) -> Lane:
    if isinstance(subscription, Projection):
        return Lane.READ_MODELS
    return Lane.EFFECTS


def _read_news(stand: Sequence[Reached], mark: int) -> News | None:
    near = mark - batching.BATCH_SIZE
    behind = [at.position for at in stand if near <= at.position < mark]
    if not behind:
        return None
    try:
        return batching.read_news(after=min(behind), mark=mark)
    # One event that cannot be read: each finds it by itself, in its own bucket.
    except Exception as error:
        if faults.is_lost_connection(error):
            raise
        return None


def _look_after(
    subscription: Subscription, mark: int, reached: Reached, news: News | None
) -> bool:
    """Return False when there is more to do than a moment's work."""
    if not _catch_up(subscription, mark, reached, news):
        return False
    match subscription:
        case Reactor(name=name):
            return not effects.is_due(name)
        case Courier():
            return not subscription.is_due()
        case Projection():
            return True


def _catch_up(
    subscription: Subscription, mark: int, reached: Reached, news: News | None
) -> bool:
    is_healthy = reached is not NOWHERE and not (reached.error or reached.letters)
    if is_healthy and reached.position >= mark:
        return True
    if is_healthy:
        name, apply = subscription.name, subscription.apply
        try:
            near = news if news and news.after <= reached.position else None
            if near and batching.apply_news(name, apply, near):
                return True
            return batching.follow(name, apply, mark, seconds=BRIEF_SECONDS)
        except Exception as error:
            if faults.is_lost_connection(error):
                raise
    # Whatever is the matter with it is sorted out there.
    return subscriptions.catch_up(subscription, seconds=BRIEF_SECONDS)
