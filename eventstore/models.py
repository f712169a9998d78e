"""The tables of the event store; nobody outside this package reads them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class StoredEvent(models.Model):
    """One immutable fact.  Written by the functions of ADR-0001 alone."""

    position = models.BigAutoField(primary_key=True)
    stream = models.TextField()
    version = models.BigIntegerField()
    event_id = models.UUIDField()
    type = models.TextField()
    schema_version = models.IntegerField()
    data = models.JSONField()
    actor = models.TextField()
    source = models.TextField()
    correlation_id = models.UUIDField()
    causation_id = models.UUIDField(null=True)
    metadata = models.JSONField()
    recorded_at = models.DateTimeField()
    occurred_at = models.DateTimeField()
    salt = models.BinaryField()
    leaf = models.BinaryField()

    class Meta:
        db_table = "events"
        permissions = [
            ("view_personal_data", "Can see personal data"),
            ("reveal_personal_data", "Can reveal the data of one person"),
            ("view_audit", "Can see what staff did"),
            ("verify_chain", "Can verify the log"),
            ("export_events", "Can export events"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "version"], name="events_stream_version_key"
            ),
            models.UniqueConstraint(fields=["event_id"], name="events_event_id_key"),
            models.CheckConstraint(
                condition=models.Q(version__gt=0), name="events_version_from_1"
            ),
            models.CheckConstraint(
                condition=models.Q(schema_version__gt=0),
                name="events_schema_version_from_1",
            ),
        ]
        indexes = [
            models.Index(fields=["type", "position"], name="events_type"),
            models.Index(fields=["source", "position"], name="events_source"),
            models.Index(fields=["actor", "position"], name="events_actor"),
            models.Index(
                fields=["correlation_id", "position"], name="events_correlation"
            ),
            models.Index(
                fields=["causation_id"],
                name="events_causation",
                condition=models.Q(causation_id__isnull=False),
            ),
            models.Index(
                fields=["type", "schema_version"],
                name="events_newer_shapes",
                condition=models.Q(schema_version__gt=1),
            ),
            models.Index(fields=["recorded_at", "position"], name="events_recorded"),
            models.Index(
                fields=["type", "recorded_at", "position"], name="events_type_recorded"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.position}"


class Checkpoint(models.Model):
    """How far one subscription has come in one bucket of streams."""

    subscription = models.TextField()
    bucket = models.SmallIntegerField()
    position = models.BigIntegerField()
    moved_at = models.DateTimeField()
    error = models.TextField(default="", blank=True)
    failed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "bucket"], name="checkpoint_bucket_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription}/{self.bucket} at #{self.position}"


class Heartbeat(models.Model):
    """When a worker last looked at a subscription."""

    subscription = models.TextField(unique=True)
    beaten_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.subscription} at {self.beaten_at}"


class Turn(models.Model):
    """Who is at something that one worker at a time should do: a hint, never a lock.

    The table is unlogged: a crash of the database forgets it, and nothing is lost.
    """

    name = models.TextField(primary_key=True)
    holder = models.UUIDField()
    held_until = models.DateTimeField()
    is_wanted = models.BooleanField()  # once more, as soon as it ends

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} until {self.held_until}"


class Pause(models.Model):
    """A subscription that is told to wait; as long as the row is there."""

    subscription = models.TextField(unique=True)
    actor = models.TextField()
    reason = models.TextField(default="", blank=True)
    paused_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.subscription} paused by {self.actor}"


class DeadLetter(models.Model):
    """The first event of a stream that a subscription could not apply (ADR-0031).

    While it is open the subscription passes by everything from this event on in this
    stream.  It points at the log: no payload is kept, and of the error its class and
    place only.

    Fields that need a word: ``failed_at`` holds the times of the newest attempts, at
    most 20, oldest first; ``code`` the digest of each module the newest error came
    through, by name.
    """

    class State(models.TextChoices):
        """Where the letter stands; the first two are open."""

        WAITING = "waiting"  # tried again by itself
        PARKED = "parked"  # waits for an operator
        APPLIED = "applied"
        SKIPPED = "skipped"

    subscription = models.TextField()
    stream = models.TextField()
    position = models.BigIntegerField()
    version = models.BigIntegerField()
    type = models.TextField()
    error = models.TextField()
    fingerprint = models.TextField()
    attempts = models.IntegerField(default=1)
    failed_at = ArrayField(models.DateTimeField(), default=list)
    code = models.JSONField(default=dict)
    state = models.TextField(choices=State, default=State.WAITING)
    first_failed_at = models.DateTimeField()
    last_failed_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "position"], name="dead_letter_once_per_event"
            ),
            models.UniqueConstraint(
                fields=["subscription", "stream"],
                name="dead_letter_open_per_stream",
                condition=models.Q(closed_at__isnull=True),
            ),
        ]
        permissions = [("skip_deadletter", "Can skip dead letters")]

    def __str__(self) -> str:
        return f"{self.subscription} at #{self.position}: {self.state}"


class ProjectionCode(models.Model):
    """Which code filled the read model of a projection; made by ``eventstore.code``."""

    subscription = models.TextField(unique=True)
    digest = models.TextField()
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.subscription} by {self.digest[:12]}"


class Rebuild(models.Model):
    """A read model built anew beside the live one (ADR-0033).

    ``until`` is the watermark when it began: streams are read in order of their
    names up to it, and ``after_stream`` and ``after_version`` say how far.  What came
    later is caught up with.  ``other_digest`` is the code of the tables that were
    switched away from.
    """

    class State(models.TextChoices):
        """Where it stands; the first three are active, the next two keep tables."""

        FILLING = "filling"
        INDEXING = "indexing"
        READY = "ready"  # keeps up with the log; may be switched to
        SWITCHED = "switched"
        SWITCHED_BACK = "switched back"
        CANCELLED = "cancelled"
        DROPPED = "dropped"  # what was kept is gone

    subscription = models.TextField()
    state = models.TextField(choices=State, default=State.FILLING)
    actor = models.TextField()
    reason = models.TextField()
    digest = models.TextField()
    other_digest = models.TextField(default="", blank=True)
    until = models.BigIntegerField()
    total = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0)
    after_stream = models.TextField(default="", blank=True)
    after_version = models.BigIntegerField(default=0)
    worked_seconds = models.FloatField(default=0.0)
    error = models.TextField(default="", blank=True)
    paused_by = models.TextField(default="", blank=True)
    started_at = models.DateTimeField()
    filled_at = models.DateTimeField(null=True)
    switched_at = models.DateTimeField(null=True)
    comparison = models.JSONField(null=True)
    is_comparison_due = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription"],
                name="rebuild_active_once",
                condition=models.Q(state__in=["filling", "indexing", "ready"]),
            ),
            models.UniqueConstraint(
                fields=["subscription"],
                name="rebuild_kept_once",
                condition=models.Q(state__in=["switched", "switched back"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} from {self.started_at}: {self.state}"


class Snapshot(models.Model):
    """A fold kept at a version of a stream; may be deleted at any time (ADR-0018).

    ``event_id`` is the stream's event at *version*; ``recorded_at`` the latest instant
    at which one of the folded events was recorded.
    """

    stream = models.TextField()
    version = models.BigIntegerField()
    fingerprint = models.TextField()
    event_id = models.UUIDField()
    recorded_at = models.DateTimeField()
    state = models.JSONField()
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [
            # In the order in which a load looks: the newest of its own fingerprint.
            models.UniqueConstraint(
                fields=["stream", "fingerprint", "version"], name="snapshot_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stream} v{self.version}"


class ImportedRange(models.Model):
    """Positions, both inclusive, whose events came in as history (ADR-0019)."""

    first_position = models.BigIntegerField(primary_key=True)
    last_position = models.BigIntegerField()
    imported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(last_position__gte=models.F("first_position")),
                name="imported_range_upwards",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.first_position} to #{self.last_position}"


class Effect(models.Model):
    """One thing a reactor has to do in the outside world because of one event.

    ``resend`` is 0 for what the event called for, and counts what operators ordered
    after that; each is a row of its own.
    """

    class State(models.TextChoices):
        """Where the effect stands."""

        PENDING = "pending"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"  # the person was erased first

    reactor = models.TextField()
    event_id = models.UUIDField()
    resend = models.IntegerField(default=0, db_default=0)
    stream = models.TextField()
    version = models.BigIntegerField()
    state = models.TextField(choices=State, default=State.PENDING)
    attempts = models.IntegerField(default=0)
    error = models.TextField(default="", blank=True)
    next_attempt_at = models.DateTimeField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reactor", "event_id", "resend"], name="effect_once_per_resend"
            ),
            models.UniqueConstraint(
                fields=["reactor", "event_id"],
                name="effect_pending_once",
                condition=models.Q(state="pending"),
            ),
            models.CheckConstraint(
                condition=models.Q(resend__gte=0), name="effect_resend_from_0"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="effect_due",
                condition=models.Q(state="pending"),
            ),
            models.Index(fields=["stream"], name="effect_stream"),
        ]

    def __str__(self) -> str:
        return f"{self.reactor} for {self.stream} v{self.version}: {self.state}"
