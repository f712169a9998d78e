"""What staff did that is no change of any one thing; facts of their own streams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from eventstore.codec import event_type, gettext_noop


@event_type(
    "PersonalDataViewed",
    sentence=gettext_noop("{who} had the data of {subject} shown via {via}"),
    personal=("reason",),
    subject="subject",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataViewed:
    """Somebody who sees people masked saw one person plainly.

    Attributes:
        subject: Stream of the person.
        until: When it was masked again.
        reason: Why, in the words of whoever looked.
    """

    subject: str
    until: datetime
    reason: str
