"""What was received, and how far it is in being mapped.

Loaded by ``EventStoreConfig.ready``; nobody outside ``eventstore`` imports it.
"""

from __future__ import annotations

from django.db import models


class RawRecord(models.Model):
    """One record exactly as received; written by the functions of migration 0016 alone.

    ``body`` is sealed under the record's own key and None once deleted.
    ``content_hash`` is keyed, so it tells nobody who guesses what the body was.
    """

    record_id = models.UUIDField()
    source = models.TextField()
    kind = models.TextField()
    dedupe_key = models.TextField()
    content_hash = models.BinaryField()
    content_type = models.TextField()
    headers = models.JSONField()
    verified_by = models.TextField()
    size_bytes = models.BigIntegerField()
    received_at = models.DateTimeField()
    body = models.TextField(null=True)  # noqa: DJ001 - an empty body is one
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "eventstore"
        db_table = "raw_records"
        permissions = [
            ("reveal_rawrecord", "Can see the body of raw records"),
            ("reprocess_rawrecord", "Can reprocess raw records"),
            ("skip_rawrecord", "Can skip raw records"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "dedupe_key"], name="raw_record_once"
            ),
            models.UniqueConstraint(fields=["record_id"], name="raw_record_id"),
            models.CheckConstraint(
                condition=models.Q(body__isnull=True)
                ^ models.Q(deleted_at__isnull=True),
                name="raw_record_has_a_body_or_lost_it",
            ),
        ]
        indexes = [
            models.Index(fields=["received_at", "id"], name="raw_record_received"),
            models.Index(
                fields=["received_at"],
                name="raw_record_with_body",
                condition=models.Q(body__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.record_id}"


class RecordMapping(models.Model):
    """How far one raw record is in being mapped.

    ``entity`` and ``subject`` are empty until a mapper has read the record.  ``error``
    is a class and a place, or a mapper's code; never a message.
    """

    class State(models.TextChoices):
        """Where the record stands; the first four are open."""

        PENDING = "pending"
        FAILING = "failing"  # tried again by itself
        QUARANTINED = "quarantined"  # waits for an operator
        WAITING = "waiting"  # behind an earlier record of its entity
        APPLIED = "applied"
        UNCHANGED = "unchanged"  # said nothing new
        STALE = "stale"  # older than what its source said last
        IGNORED = "ignored"  # of no interest to the mapper
        SKIPPED = "skipped"  # given up by an operator
        ERASED = "erased"  # tells of a person who was erased
        EXPIRED = "expired"  # its body was deleted before it was mapped

    raw_id = models.BigIntegerField(primary_key=True)
    record_id = models.UUIDField(unique=True)
    source = models.TextField()
    state = models.TextField(choices=State, default=State.PENDING)
    entity = models.TextField(default="", blank=True)
    subject = models.TextField(default="", blank=True)
    occurred_at = models.DateTimeField(null=True)
    mapper = models.TextField(default="", blank=True)
    mapper_version = models.IntegerField(default=0)
    attempts = models.IntegerField(default=0)
    error = models.TextField(default="", blank=True)
    fingerprint = models.TextField(default="", blank=True)
    next_attempt_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "eventstore"
        db_table = "record_mappings"
        indexes = [
            models.Index(
                fields=["source", "raw_id"],
                name="record_mapping_due",
                condition=models.Q(state__in=["pending", "failing"]),
            ),
            models.Index(
                fields=["fingerprint", "raw_id"],
                name="record_mapping_stuck",
                condition=models.Q(state__in=["failing", "quarantined"]),
            ),
            models.Index(
                fields=["source", "entity", "raw_id"], name="record_mapping_entity"
            ),
            models.Index(
                fields=["subject"],
                name="record_mapping_subject",
                condition=~models.Q(subject=""),
            ),
            models.Index(fields=["state", "raw_id"], name="record_mapping_state"),
        ]

    def __str__(self) -> str:
        return f"{self.record_id}: {self.state}"


class SourceEntity(models.Model):
    """What a source said last about one thing of its own.

    ``said`` has a keyed hash for each fact, enough to tell whether it says something
    new; the facts themselves are in the raw records and in the log.
    """

    source = models.TextField()
    entity = models.TextField()
    subject = models.TextField()
    said = models.JSONField(default=dict)
    occurred_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        app_label = "eventstore"
        db_table = "source_entities"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "entity"], name="source_entity_once"
            ),
        ]
        indexes = [models.Index(fields=["subject"], name="source_entity_subject")]

    def __str__(self) -> str:
        return f"{self.source} {self.entity}"
