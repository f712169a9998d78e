"""What operators did to subscriptions; facts of their own streams."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop

CATEGORY = "subscription"

# Changes of a subscription.
PAUSED = "paused"
RESUMED = "resumed"
RETRIED = "retry ordered"


@event_type(
    "SubscriptionChanged",
    sentence=gettext_noop("{who} changed subscription {name} ({change}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChanged:
    """An operator told a subscription to do otherwise.

    Attributes:
        name: Name of the subscription.
        change: ``paused``, ``resumed`` or ``retry ordered``.
        reason: Why, in the operator's words, or which dead letters; may be empty.
    """

    name: str
    change: str
    reason: str = ""


@event_type(
    "EventSkipped",
    sentence=gettext_noop(
        "{who} had {subscription} skip event #{position} of {subject} via {via}"
    ),
    personal=("reason",),
    subject="subject",
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class EventSkipped:
    """A subscription gave an event up, and went on with what came after it.

    Attributes:
        subscription: Name of the subscription, for example "directory".
        subject: Stream of the event.
        position: Its position.
        reason: Why, in the operator's words.
    """

    subscription: str
    subject: str
    position: int
    reason: str
