"""What waits for a second person, or did: a fold of its events, written with them.

Loaded by ``EventStoreConfig.ready``; only ``keeping`` writes it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Approval(models.Model):
    """One act that somebody asked a second person for.

    Attributes:
        act: What: ``erasure`` or ``rebuild``.
        target: Stream of whom or what.
        values: What the act needs beside the target; nothing of a person.
        account: Number of the account that asked.
        actor: Who asked, as the log has them.
        until: When it is over if nobody decides.
        decided_by: Number of the account that decided; the asker's where withdrawn.
        decider: Who decided, as the log has them.
    """

    class State(models.TextChoices):
        """What became of it; one that is over still waits, and is never approved."""

        WAITING = "waiting"
        APPROVED = "approved"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    approval_id = models.UUIDField(primary_key=True)
    act = models.TextField()
    target = models.TextField()
    values = models.JSONField()
    account = models.BigIntegerField()
    actor = models.TextField()
    until = models.DateTimeField()
    state = models.TextField(choices=State.choices, default=State.WAITING)
    decided_by = models.BigIntegerField(null=True)
    decider = models.TextField(default="", blank=True)

    class Meta:
        app_label = "eventstore"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="approval_is_by_another_account",
                condition=Q(state="waiting", decided_by__isnull=True)
                | Q(decided_by__isnull=False)
                & (
                    Q(state__in=["approved", "refused"]) & ~Q(decided_by=F("account"))
                    | Q(state="withdrawn", decided_by=F("account"))
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["until"], name="approval_waits", condition=Q(state="waiting")
            )
        ]

    def __str__(self) -> str:
        return f"{self.act} of {self.target}"
