"""What happened to API tokens; facts of the streams ``token-<id>``.  No secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from eventstore.codec import event_type, gettext_noop


@event_type(
    "ApiTokenIssued",
    sentence=gettext_noop("{who} issued an API token to {name} via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokenIssued:
    """A client may act on its own from here on.

    Attributes:
        name: The client; what it causes has the actor ``client:<name>``.
        scopes: What it may do, sorted.
        expires_at: When that ends by itself; null for never.
        reason: Why, in the words of whoever issued it; may be empty.
    """

    name: str
    scopes: list[str]
    expires_at: datetime | None
    reason: str = ""


@event_type(
    "ApiTokenRevoked",
    sentence=gettext_noop("{who} revoked the API token of {name} via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokenRevoked:
    """The token works no more; it cannot come back.

    Attributes:
        name: Name of the client.
        reason: Why, in the words of whoever revoked it; may be empty.
    """

    name: str
    reason: str = ""
