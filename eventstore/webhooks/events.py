"""What operators did to webhooks; facts of their own streams."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop

CATEGORY = "webhook"

# Changes of an endpoint.
ADDED = "added"
ROTATED = "secret rotated"
PAUSED = "paused"
RESUMED = "resumed"
DISABLED = "disabled"
REMOVED = "removed"
REDELIVERED = "redelivery ordered"


@event_type(
    "WebhookChanged",
    sentence=gettext_noop("{who} changed webhook {name} ({change}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChanged:
    """An endpoint of webhooks became another from here on.

    Attributes:
        name: Name of the endpoint.
        change: ``added``, ``secret rotated``, ``paused``, ``resumed``, ``disabled``,
            ``removed`` or ``redelivery ordered``.
        reason: Why, in the operator's words or the courier's; may be empty.
    """

    name: str
    change: str
    reason: str = ""
