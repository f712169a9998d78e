"""What a ring of the doorbell leads to: a brief look after every subscription.

One message a ring, not one a subscription: telling each apart cost the web more than
the commands it told of (ADR-0042).
"""

from __future__ import annotations

from eventstore import (
    checkpoints,
    effects,
    faults,
    heartbeats,
    pauses,
    store,
    subscriptions,
)
from eventstore.checkpoints import Reached
from eventstore.subscriptions import Courier, Projection, Reactor, Subscription

BRIEF_SECONDS = 0.25  # for each subscription that is behind


def look_after_all() -> list[str]:
    """Catch up with whatever is behind, for a moment each, in the order of the list.

    Four queries when there is nothing to do, and one for each that causes effects.

    Returns:
        Whoever needs a run of their own: still behind after that moment, or with
        effects due, which take as long as another system likes.

    Raises:
        ExceptionGroup: Of what stopped some of them; the others were looked after.
        OperationalError: The connection is lost.
    """
    listed = subscriptions.all_subscriptions()
    heartbeats.beat(*[each.name for each in listed])
    paused, mark, reached = pauses.every(), store.watermark(), checkpoints.reached()
    left, errors = [], []
    for each in listed:
        if each.name in paused:
            continue
        try:
            if not _look_after(each, mark, reached.get(each.name)):
                left.append(each.name)
        # One that fails must not stop the others.
        except Exception as error:
            if faults.is_lost_connection(error):
                raise
            errors.append(error)
    if errors:
        message = "some subscriptions could not be looked after"
        raise ExceptionGroup(message, errors)
    return left


def _look_after(subscription: Subscription, mark: int, reached: Reached | None) -> bool:
    is_settled = (
        reached is not None
        and reached.position >= mark
        and not (reached.error or reached.letters)
    )
    if not is_settled and not subscriptions.catch_up(
        subscription, seconds=BRIEF_SECONDS
    ):
        return False
    return not _is_due(subscription)


def _is_due(subscription: Subscription) -> bool:
    match subscription:
        case Reactor(name=name):
            return effects.is_due(name)
        case Courier():
            return subscription.is_due()
        case Projection():
            return False
