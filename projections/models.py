"""Read models: disposable tables, no foreign key to anything."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Concat, Lower, Upper

from users.values import SETTABLE_STATUSES


class DirectoryEntry(models.Model):
    """One user as search sees it: the state at *version*, and where it came from."""

    user_id = models.UUIDField(primary_key=True)
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
        permissions = [("reprocess", "Can reprocess read models")]
        indexes = [
            GinIndex(
                OpClass("search_text", name="gin_trgm_ops"), name="directory_search"
            ),
            models.Index(fields=["-created_at", "-user_id"], name="directory_newest"),
            models.Index(Upper("email"), name="directory_email"),  # for iexact
        ]

    def __str__(self) -> str:
        return f"user-{self.user_id} v{self.version}"
