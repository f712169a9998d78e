"""Exports and the pieces of their files, for a day.

Loaded by ``EventStoreConfig.ready``; nobody outside ``eventstore`` imports it.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Export(models.Model):
    """One file that somebody asked for; the row is what a worker leases.

    Attributes:
        kind: Name of what is exported.
        form: How it is written.
        zone: IANA name of the zone of the local columns; empty for none.
        is_plain: Whether persons are shown plainly.
        asked: The filter; what tells of a person is masked at the end.
        account: Number of the account that may fetch the file.
        until: Watermark when it began: nothing above is in it.
        cursor: Where it goes on; empty at the beginning.
        is_written: Whether the body is whole; hashing comes next.
        pieces: Pieces of the body; the head of the file is piece 0.
        size_bytes: Of the file.
        first_position: Least position of a row, as *last_position* is the greatest.
        sha256: Of the body, in hex.
        attempts: Failures in a row.
    """

    class State(models.TextChoices):
        """Where it stands."""

        RUNNING = "running"
        DONE = "done"
        WITHDRAWN = "withdrawn"  # it held somebody who was erased
        FAILED = "failed"
        CANCELLED = "cancelled"

    export_id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    form = models.TextField()
    columns = models.JSONField()
    zone = models.TextField(default="", blank=True)
    is_plain = models.BooleanField()
    asked = models.JSONField()
    actor = models.TextField()
    account = models.BigIntegerField()
    reason = models.TextField()
    correlation_id = models.UUIDField()
    state = models.TextField(choices=State, default=State.RUNNING)
    until = models.BigIntegerField()
    cursor = models.TextField(default="", blank=True)
    is_written = models.BooleanField(default=False)
    pieces = models.IntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    first_position = models.BigIntegerField(null=True)
    last_position = models.BigIntegerField(null=True)
    sha256 = models.TextField(default="", blank=True)
    error = models.TextField(default="", blank=True)
    attempts = models.IntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        app_label = "eventstore"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                name="export_running_once",
                condition=models.Q(state="running"),
            ),
            models.CheckConstraint(
                condition=~models.Q(state="done")
                | models.Q(sha256__regex="^[0-9a-f]{64}$", ended_at__isnull=False),
                name="export_done_is_hashed",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-started_at"], name="export_of_account"),
        ]

    def __str__(self) -> str:
        return f"export-{self.export_id}: {self.state}"


class ExportPiece(models.Model):
    """A piece of a file, compressed and sealed under the key of its export.

    Attributes:
        people: A number for each person the piece shows plainly, made of the stream.
    """

    export = models.ForeignKey(Export, on_delete=models.CASCADE)
    number = models.IntegerField()
    body = models.TextField()
    people = ArrayField(models.BigIntegerField())

    class Meta:
        app_label = "eventstore"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["export", "number"], name="export_piece_once"
            ),
        ]

    def __str__(self) -> str:
        return f"piece {self.number} of export-{self.export_id}"
