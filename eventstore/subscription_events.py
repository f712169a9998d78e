"""What operators did to subscriptions; facts of their own streams."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop

CATEGORY = "subscription"

# Changes of a subscription.
PAUSED = "paused"
RESUMED = "resumed"
RETRIED = "retry ordered"
REBUILD_STARTED = "rebuild started"
REBUILD_PAUSED = "rebuild paused"
REBUILD_RESUMED = "rebuild resumed"
REBUILD_CANCELLED = "rebuild cancelled"
SWITCHED = "switched to the rebuilt tables"
SWITCHED_BACK = "switched back"
KEPT_DROPPED = "kept tables dropped"
CODE_ACCEPTED = "changed code accepted"


def stream_of(name: str) -> str:
    """Return the stream of the subscription called *name*."""
    return f"{CATEGORY}-{name}"


def name_of(stream: str) -> str:
    """Return the name of the subscription that has *stream*."""
    return stream.removeprefix(f"{CATEGORY}-")


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
        change: ``paused``, ``resumed``, ``retry ordered``, or a step of a rebuild.
        reason: Why, in the operator's words, or which dead letters; may be empty.
    """

    name: str
    change: str
    reason: str = ""


@event_type(
    "EffectResent",
    sentence=gettext_noop(
        "{who} had {reactor} send once more for version {version} of {subject}"
        " via {via}"
    ),
    personal=("reason",),
    subject="subject",
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectResent:
    """An operator had an effect sent once more.

    Attributes:
        reactor: Name of the reactor, for example "welcome_email".
        subject: Stream of the event that called for the effect.
        version: Version of that event.
        resend: 1 for the first resend of this effect.
        reason: Why, in the operator's words.
    """

    reactor: str
    subject: str
    version: int
    resend: int
    reason: str


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
