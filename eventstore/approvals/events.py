"""What staff asked a second person for; facts of the streams ``approval-<id>``.

Each has two events at most: what was asked for, and what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from eventstore.codec import event_type, gettext_noop

CATEGORY = "approval"

# What needs a second person.
ERASURE = "erasure"
REBUILD = "rebuild"


@event_type(
    "ApprovalAsked",
    sentence=gettext_noop("{who} asked a second person for the {act} of {target}"),
    personal=("reason",),
    subject="target",
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAsked:
    """Somebody asked a second person for what cannot be undone; nothing happened yet.

    Attributes:
        act: ``erasure`` or ``rebuild``.
        target: Stream of the person, or of the subscription.
        account: Number of the account that asks.
        until: When it is over if nobody decides.
        reason: Why, in their words; sealed for the person.
        values: What the act needs beside the target; nothing of a person.
    """

    act: str
    target: str
    account: int
    until: datetime
    reason: str
    values: dict[str, str] = field(default_factory=dict)


@event_type(
    "ApprovalGiven",
    sentence=gettext_noop("{who} approved the {act} of {target}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven:
    """A second person agreed, and it was done in the same moment.

    Attributes:
        act: As it was asked for.
        target: As it was asked for.
        account: Number of the account that agreed.
    """

    act: str
    target: str
    account: int


@event_type(
    "ApprovalRefused",
    sentence=gettext_noop("{who} refused the {act} of {target}"),
    personal=("reason",),
    subject="target",
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRefused:
    """A second person did not agree; nothing happened, and nothing will.

    Attributes:
        act: As it was asked for.
        target: As it was asked for.
        account: Number of the account that refused.
        reason: Why, in their words; sealed for the person.
    """

    act: str
    target: str
    account: int
    reason: str


@event_type(
    "ApprovalWithdrawn",
    sentence=gettext_noop("{who} no longer asks for the {act} of {target}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalWithdrawn:
    """Whoever asked did so no longer; nothing happened, and nothing will.

    Attributes:
        act: As it was asked for.
        target: As it was asked for.
        account: Number of the account that had asked.
    """

    act: str
    target: str
    account: int


ApprovalEvent = ApprovalAsked | ApprovalGiven | ApprovalRefused | ApprovalWithdrawn
