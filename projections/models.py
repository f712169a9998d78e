"""Read models: disposable tables, no foreign key to anything."""

from __future__ import annotations

from django.contrib.postgres.fields import DateTimeRangeField
from django.contrib.postgres.indexes import GinIndex, GistIndex, OpClass
from django.db import models
from django.db.models.functions import Concat, Lower, Upper

from users.values import SETTABLE_STATUSES


class UserRow(models.Model):
    """What lists show of one user: the state at *version*, and where it came from."""

    user_id = models.UUIDField()
    name = models.TextField()
    email = models.TextField()
    status = models.TextField(
        choices=[(s.value, s.value.title()) for s in SETTABLE_STATUSES]
    )
    source = models.TextField(help_text="Through what the user came to us.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.BigIntegerField()
    position = models.BigIntegerField(help_text="Position of the last event applied.")
    search_text = models.GeneratedField(
        expression=Lower(
            Concat("name", models.Value(" ", models.TextField()), "email")
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"user-{self.user_id} v{self.version}"


class DirectoryEntry(UserRow):
    """One user as search sees it now."""

    user_id = models.UUIDField(primary_key=True)

    class Meta:
        permissions = [
            ("reprocess", "Can reprocess read models"),
            ("rebuild", "Can rebuild read models"),
        ]
        indexes = [
            GinIndex(
                OpClass("search_text", name="gin_trgm_ops"), name="directory_search"
            ),
            models.Index(fields=["-created_at", "-user_id"], name="directory_newest"),
            models.Index(Upper("email"), name="directory_email"),  # for iexact
            models.Index(fields=["-updated_at", "-user_id"], name="directory_updated"),
            models.Index(fields=["name", "user_id"], name="directory_name"),
            models.Index(fields=["position"], name="directory_position"),
        ]


class UserPeriod(UserRow):
    """One user as they were for a time: as recorded, as it was true, or as both.

    The periods of one user and one kind of time follow each other without gap or
    overlap, from the creation on; the last has no end.  A user whose events were
    recorded in the order in which they became true has one row an event.

    Attributes:
        version: Number of events that lead to the state.
        position: Position of the event that was last.
        updated_at: When that event was recorded.
        recorded: When the log said so, upper bound exclusive; null when it never did.
        valid: When it was true by all that is known now (ADR-0017), likewise.
    """

    recorded = DateTimeRangeField(null=True)
    valid = DateTimeRangeField(null=True)

    class Meta:
        indexes = [
            GinIndex(OpClass("search_text", name="gin_trgm_ops"), name="period_search"),
            GistIndex(fields=["recorded"], name="period_recorded"),
            GistIndex(fields=["valid"], name="period_valid"),
            models.Index(fields=["-created_at", "-user_id"], name="period_newest"),
            models.Index(fields=["-updated_at", "-user_id"], name="period_updated"),
            models.Index(fields=["name", "user_id"], name="period_name"),
            models.Index(Upper("email"), name="period_email"),
            models.Index(fields=["user_id", "version"], name="period_user"),
        ]


class ReprocessRun(models.Model):
    """One reprocessing of many users; each change of the row is an event of its stream.

    The row is what a worker leases; :mod:`projections.runs` alone writes it, together
    with the event.

    Attributes:
        version: Of the run's stream.
        scope: Whom, as ``Scope.to_json``; what tells of a person is masked at the end.
        code: Version of the projections' code that the preview ran.
        position: Watermark of the preview.
        previewed: What the preview counted.
        note: Why it was paused or cancelled, or what kept the last user from repair.
        error: What stopped it; empty again from the next step on that works.
        cursor: Where in the scope it goes on.
        later: Of the changed, those with events after *position*.
        worked_seconds: Time spent at it, pauses left out.
        canary: After how many it stops and asks; 0 when it does not, or has.
        tried: Those of the canary: ``stream``, ``fields`` that differed, ``failed``.
    """

    class State(models.TextChoices):
        """Where the run stands; the first three are open."""

        RUNNING = "running"
        ASKING = "asking"
        PAUSED = "paused"
        CANCELLED = "cancelled"
        FINISHED = "finished"

    run_id = models.UUIDField(primary_key=True)
    version = models.BigIntegerField()
    state = models.TextField(choices=State, default=State.RUNNING)
    scope = models.JSONField()
    projections = models.JSONField()
    code = models.TextField()
    reason = models.TextField()
    note = models.TextField(default="", blank=True)
    error = models.TextField(default="", blank=True)
    actor = models.TextField()
    correlation_id = models.UUIDField()
    position = models.BigIntegerField()
    users = models.BigIntegerField()
    previewed = models.JSONField()
    cursor = models.TextField(default="", blank=True)
    checked = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0)
    created = models.BigIntegerField(default=0)
    deleted = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    later = models.BigIntegerField(default=0)
    worked_seconds = models.FloatField(default=0)
    canary = models.IntegerField(default=0)
    tried = models.JSONField(default=list)
    started_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["-started_at"], name="run_newest"),
            models.Index(
                fields=["started_at"],
                name="run_open",
                condition=models.Q(state="running"),
            ),
        ]

    def __str__(self) -> str:
        return f"reprocess-{self.run_id}: {self.state}"


class Drift(models.Model):
    """A user whose rows are known to disagree with the log, as long as they do.

    Attributes:
        fields: Names of the fields that differ; never their values.
    """

    projection = models.TextField()
    user_id = models.UUIDField()
    fields = models.JSONField()
    found_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["projection", "user_id"], name="drift_once_per_user"
            ),
        ]
        indexes = [models.Index(fields=["user_id"], name="drift_user")]

    def __str__(self) -> str:
        return f"{self.projection} of user-{self.user_id}"


class DriftCheck(models.Model):
    """How far the drift detector has come in its round through all users; one row.

    Attributes:
        cursor: The user after whom it goes on; empty at the beginning of a round.
        checked: Users it looked at when it last looked.
        failed: Of those, users that could not be derived.
        round_ended_at: When it last came to the end.
    """

    cursor = models.TextField(default="", blank=True)
    checked = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    checked_at = models.DateTimeField(null=True)
    round_ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.checked} users at {self.checked_at}"


class StreamHead(models.Model):
    """Where one stream of any kind stands; nothing of what its events say."""

    stream = models.TextField(primary_key=True)
    category = models.TextField()
    version = models.BigIntegerField(help_text="Number of its events.")
    type = models.TextField(help_text="Of the last event.")
    first_at = models.DateTimeField(help_text="When the first event was recorded.")
    last_at = models.DateTimeField(help_text="When the last event was recorded.")
    position = models.BigIntegerField(help_text="Position of the last event.")

    class Meta:
        indexes = [
            models.Index(fields=["-position"], name="stream_newest"),
            models.Index(fields=["category", "-position"], name="stream_category"),
        ]

    def __str__(self) -> str:
        return f"{self.stream} v{self.version}"


class Activity(models.Model):
    """How many events an hour brought: of a source, a type, a bucket of streams."""

    hour = models.DateTimeField(
        help_text="When it began; by when events were recorded."
    )
    source = models.TextField()
    type = models.TextField()
    bucket = models.SmallIntegerField()
    events = models.BigIntegerField()
    position = models.BigIntegerField(help_text="Position of the last event counted.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "source", "type", "bucket"], name="activity_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.events} {self.type} from {self.source} at {self.hour}"
