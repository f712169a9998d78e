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


@event_type(
    "ReprocessStarted",
    sentence=gettext_noop("{who} began to reprocess {asked} ({users}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReprocessStarted:
    """Somebody looked at a preview and had the read models of many users derived anew.

    Attributes:
        asked: Whom, in words that tell of no person: "all users", "2 selected users".
        projections: Names of the projections.
        users: How many users that is.
        would_change: Of those the preview checked, how many it said would change.
        checked: How many the preview checked; fewer than *users* when it was a sample.
        position: Everything at or below it was known to the preview.
        code: Version of the projections' code.
        reason: Why, in the operator's words.
        canary: After how many repairs it stops and asks; 0 when it does not.
    """

    asked: str
    projections: list[str]
    users: int
    would_change: int
    checked: int
    position: int
    code: str
    reason: str
    canary: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """One user whose rows were wrong, and the names of the fields that differed."""

    subject: str
    fields: list[str]


@event_type(
    "ReprocessAdvanced",
    sentence=gettext_noop("{who} reprocessed {checked} more users via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReprocessAdvanced:
    """Some more users of a run were checked, and repaired where they differed.

    Attributes:
        cursor: Where in its scope the run goes on.
        checked: How many users.
        repaired: Those whose rows were wrong: *subject*, the stream, and *fields*, the
            names of the fields that differed; never their values.
        created: How many of those had no row.
        deleted: How many of those lost their rows: the log does not lead to any.
        failed: Streams of users whose rows could not be derived or written.
        later: How many of the repaired have events that the preview did not know.
        milliseconds: How long it took.
    """

    cursor: str
    checked: int
    repaired: list[Repaired]
    created: int
    deleted: int
    failed: list[str]
    later: int
    milliseconds: int


@event_type(
    "ReprocessChanged",
    sentence=gettext_noop("{who}: reprocessing {change} via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReprocessChanged:
    """A run was told to do otherwise, or stopped by itself.

    Attributes:
        change: ``paused``, ``resumed`` or ``cancelled``; ``tried on a few`` when it
            stopped to ask whether to go on.
        reason: Why; may be empty.
        code: Version of the projections' code from here on.
    """

    change: str
    reason: str
    code: str


@event_type(
    "ReprocessFinished",
    sentence=gettext_noop(
        "{who} finished reprocessing: {checked} users checked, {changed} repaired,"
        " {failed} failed via {via}"
    ),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReprocessFinished:
    """A run came to the end of its scope.

    Attributes:
        checked: How many users it checked.
        changed: How many it repaired; *created* and *deleted* are among them.
        created: How many had no row.
        deleted: How many lost their rows.
        failed: How many could not be repaired.
    """

    checked: int
    changed: int
    created: int
    deleted: int
    failed: int


@event_type(
    "DriftFound",
    sentence=gettext_noop("{who} found that {projection} differs from {subject}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFound:
    """Rows of a read model were found to be no fold of the log.

    Attributes:
        projection: Name of the projection, for example "directory".
        subject: Stream the rows are of.
        fields: Names of the fields that differ; never their values.
    """

    projection: str
    subject: str
    fields: list[str]


@event_type(
    "DriftEnded",
    sentence=gettext_noop("{who}: {projection} agrees with {subject} again"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class DriftEnded:
    """Rows that differed are the fold of the log again.

    Attributes:
        projection: Name of the projection.
        subject: Stream the rows are of.
        how: ``reprocessed``, or ``by itself``: a later event wrote them anew.
    """

    projection: str
    subject: str
    how: str
