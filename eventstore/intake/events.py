"""What operators did to raw records; facts of their own streams."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop

CATEGORY = "intake"


@event_type(
    "RecordsReprocessed",
    sentence=gettext_noop("{who} had {records} of {source} reprocessed via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsReprocessed:
    """Raw records were to be mapped again.

    Attributes:
        source: Name of the source.
        records: How many, for example "3 records".
        mapper_version: Version of the mapper.
        reason: Why, in the operator's words.
    """

    source: str
    records: str
    mapper_version: int
    reason: str


@event_type(
    "RecordSkipped",
    sentence=gettext_noop("{who} gave up record {record} of {source} via {via}"),
    personal=("reason",),
    subject="subject",
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSkipped:
    """A raw record was given up, and what waited behind it went on.

    Attributes:
        source: Name of the source.
        record: Id of the raw record.
        subject: Stream of the person it tells of; of the source when nobody knows.
        reason: Why, in the operator's words.
    """

    source: str
    record: str
    subject: str
    reason: str


@event_type(
    "RecordRevealed",
    sentence=gettext_noop("{who} looked into record {record} of {source} via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRevealed:
    """Somebody was shown what a source sent.

    Attributes:
        source: Name of the source.
        record: Id of the raw record.
    """

    source: str
    record: str
