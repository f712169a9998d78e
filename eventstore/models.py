"""The tables of the event store; nobody outside this package reads them."""

from __future__ import annotations

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
    """One thing a reactor has to do in the outside world because of one event."""

    class State(models.TextChoices):
        """Where the effect stands."""

        PENDING = "pending"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"  # the person was erased first

    reactor = models.TextField()
    event_id = models.UUIDField()
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
                fields=["reactor", "event_id"], name="effect_once_per_event"
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
