"""The views there are: a fold of their events, written in the same transaction.

Loaded by ``EventStoreConfig.ready``; nobody outside ``eventstore`` imports it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class SavedView(models.Model):
    """A name for filters of the event browser.

    Attributes:
        query: The filters as a query string.
        account: Number of the maker's account.
        actor: The maker as the log has them.
        role_id: Number of the group that sees it; none for the maker alone.
        role: Name of that group when it was shared.
    """

    view_id = models.UUIDField(primary_key=True)
    name = models.TextField()
    query = models.TextField()
    account = models.BigIntegerField()
    actor = models.TextField()
    role_id = models.BigIntegerField(null=True)
    role = models.TextField(default="", blank=True)

    class Meta:
        app_label = "eventstore"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                "account",
                Lower("name"),
                name="saved_view_once_a_person",
                condition=Q(role_id__isnull=True),
            ),
            models.UniqueConstraint(
                "role_id",
                Lower("name"),
                name="saved_view_once_a_role",
                condition=Q(role_id__isnull=False),
            ),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(query=""),
                name="saved_view_says_something",
            ),
        ]
        indexes = [models.Index(fields=["account"], name="saved_view_of_account")]

    def __str__(self) -> str:
        return self.name
