"""What happened to runs, and between a record and a user."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from eventstore.codec import event_type, gettext_noop


@event_type(
    "SalesforceRunStarted",
    is_operators=True,
    sentence=gettext_noop("{who} started a Salesforce run ({mode}) via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceRunStarted:
    """Somebody, or the schedule, wants Salesforce to be read.

    Attributes:
        sobject: Object that is read, for example ``Contact``.
        mode: ``full``, ``incremental``, ``reconcile`` or ``record``.
        dry_run: Whether nothing is to be changed.
        ids: Records to read, 18 characters each; empty but for ``record``.
        reason: Why, in the words of whoever started it; may be empty.
        since: From which stamp on at the latest, for ``incremental``; null for what is
            not known yet.
    """

    sobject: str
    mode: str
    dry_run: bool
    ids: list[str]
    reason: str = ""
    since: datetime | None = None


@event_type(
    "SalesforceRunOpened",
    sentence=gettext_noop("{who} reached the org {org_id} via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceRunOpened:
    """The run knows what it will read.

    Attributes:
        org_id: The org, 18 characters.
        low: From which stamp on, for ``incremental``.
        high: The clock of Salesforce when the run began; nothing later counts.
        fields: What is asked for.
        missing: What our user may not see, though we would like to.
        flags: Those of *fields* that are yes or no.
        expected: How many records there are to read; null if nobody counted.
        is_bulk: Whether they are read by a job of the Bulk API.
    """

    org_id: str
    low: datetime | None
    high: datetime
    fields: list[str]
    missing: list[str]
    flags: list[str] = field(default_factory=list)
    expected: int | None = None
    is_bulk: bool = False


@event_type(
    "SalesforceJobMade",
    sentence=gettext_noop("{who} let Salesforce begin the job {job_id} via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceJobMade:
    """Salesforce looks for the records of a run; they are fetched when it is done.

    Attributes:
        job_id: The job of the Bulk API.
        version: Of the API; what the job found is fetched by the same one.
        made_at: By the clock of Salesforce.
    """

    job_id: str
    version: str
    made_at: datetime


@event_type(
    "SalesforceJobDone",
    sentence=gettext_noop("{who} saw the job {job_id} done via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceJobDone:
    """What the run's job found can be fetched.

    Attributes:
        job_id: The job.
        records: How many it found; null where Salesforce does not say.
    """

    job_id: str
    records: int | None


@event_type(
    "SalesforceJobLost",
    sentence=gettext_noop("{who} got nothing more from a job ({reason}) via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceJobLost:
    """There will be no job, or nothing more from it: the reading begins anew.

    Attributes:
        job_id: The job; empty if none was made.
        reason: As Salesforce says it.
        is_given_up: Whether the records are asked for page by page from here on.
    """

    job_id: str
    reason: str
    is_given_up: bool


@event_type(
    "SalesforcePageRead",
    sentence=gettext_noop("{who} read page {number} (records: {read}) via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforcePageRead:
    """One page is done: what it led to was recorded in the same transaction.

    Attributes:
        number: 1-based.
        last_id: Record after which the next page begins; empty for a page of a job.
        last_stamp: Its stamp.
        locator: Where the next page of the run's job begins.
        used: Requests of the whole org today, of *most*, as Salesforce last said.
        is_last: Whether there is no further page.
        read: Records of the page; the counts that follow are parts of it, and a record
            may count more than once.
        created: Users created.
        changed: Users changed.
        withheld: Users to deactivate at the end of the run.
        conflicts: Differences that were not applied.
        quarantined: Records that make no sense.
        ignored: Records of people who were erased, or were deleted before we knew them;
            records that make no sense and that somebody said to skip.
        repaired: Characters that no database takes.
        calls: Requests that the run has made so far.
    """

    number: int
    last_id: str
    last_stamp: datetime | None
    is_last: bool
    read: int
    created: int
    changed: int
    withheld: int
    conflicts: int
    quarantined: int
    ignored: int
    repaired: int
    calls: int
    locator: str = ""
    used: int = 0
    most: int = 0


@event_type(
    "SalesforceRunHeld",
    is_operators=True,
    sentence=gettext_noop("{who} held a Salesforce run ({state}) via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceRunHeld:
    """The run goes no further for now.

    Attributes:
        state: ``paused_limit``, ``paused_quality``, ``paused_user`` or
            ``awaiting_approval``.
        reason: Why.
        people: Users who would be deactivated, for ``awaiting_approval``.
    """

    state: str
    reason: str
    people: int = 0


@event_type(
    "SalesforceRunResumed",
    is_operators=True,
    sentence=gettext_noop("{who} resumed a Salesforce run via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceRunResumed:
    """The run goes on where it stood.

    Attributes:
        is_approved: Whether the deactivations it was held for are approved with it.
        reason: Why, in the words of whoever resumed it; may be empty.
    """

    is_approved: bool = False
    reason: str = ""


@event_type(
    "SalesforceRunEnded",
    is_operators=True,
    sentence=gettext_noop("{who} ended a Salesforce run ({state}) via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceRunEnded:
    """The run is over.

    Attributes:
        state: ``succeeded``, ``succeeded_degraded``, ``failed`` or ``cancelled``.
        reason: Why it failed or was cancelled; a code, or somebody's words.
        deactivated: Users deactivated at its end.
        covered_until: Up to when we know Salesforce now; null when that did not change.
    """

    state: str
    reason: str = ""
    deactivated: int = 0
    covered_until: datetime | None = None


@event_type(
    "SalesforceRecordLinked",
    sentence=gettext_noop("{who} linked record {record} to a user via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceRecordLinked:
    """A record tells of a user who was known before.

    Attributes:
        record: Id of the record, 18 characters.
        user: Stream of the user.
        matched_by: ``email`` or ``external_id``.
    """

    record: str
    user: str
    matched_by: str


@event_type(
    "SalesforceConflictOpened",
    sentence=gettext_noop("{who} found two values of {attribute} via {via}"),
    personal=("base", "ours", "theirs"),
    subject="user",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceConflictOpened:
    """Salesforce and we say different things, and Salesforce's was not applied.

    Attributes:
        record: Id of the record, 18 characters.
        user: Stream of the user.
        attribute: ``name``, ``email`` or ``status``.
        kind: ``differs``, ``duplicate_email`` or ``not_allowed``.
        base: What both said last; may be empty.
        ours: What we say.
        theirs: What Salesforce says.
    """

    record: str
    user: str
    attribute: str
    kind: str
    base: str
    ours: str
    theirs: str


@event_type(
    "SalesforceConflictResolved",
    is_operators=True,
    sentence=gettext_noop("{who} settled {attribute}: {winner}, via {via}"),
    personal=("reason",),
    subject="user",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceConflictResolved:
    """Somebody said who is right.

    Attributes:
        record: Id of the record, 18 characters.
        user: Stream of the user.
        attribute: ``name``, ``email`` or ``status``.
        winner: ``ours`` or ``theirs``.
        reason: Why, in their words.
    """

    record: str
    user: str
    attribute: str
    winner: str
    reason: str


@event_type(
    "SalesforceConflictClosed",
    sentence=gettext_noop("{who} found {attribute} agreed again via {via}"),
    subject="user",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceConflictClosed:
    """An open difference is over: both say the same again, or the record is gone.

    Gone where nobody could become a user by it.

    Attributes:
        record: Id of the record, 18 characters.
        user: Stream of the user.
        attribute: ``name``, ``email`` or ``status``.
    """

    record: str
    user: str
    attribute: str


RunEvent = (
    SalesforceRunStarted
    | SalesforceRunOpened
    | SalesforceJobMade
    | SalesforceJobDone
    | SalesforceJobLost
    | SalesforcePageRead
    | SalesforceRunHeld
    | SalesforceRunResumed
    | SalesforceRunEnded
)
