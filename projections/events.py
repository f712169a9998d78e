"""What operators did to read models; facts of their own streams."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop


@event_type(
    "ReadModelReprocessed",
    sentence=gettext_noop("{who} reprocessed {subject} in {projection} via {via}"),
    personal=("reason",),
    subject="subject",
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelReprocessed:
    """A row of a read model was derived anew from its stream.

    Attributes:
        projection: Name of the projection, for example "directory".
        subject: Stream the row was derived from.
        fields: Names of the fields that differed; never their values.
        reason: Why, in the operator's words.
    """

    projection: str
    subject: str
    fields: list[str]
    reason: str
