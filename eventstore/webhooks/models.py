"""Who is told of events, and what they are owed.

Loaded by ``EventStoreConfig.ready``; nobody outside ``eventstore`` imports it.
"""

from __future__ import annotations

from django.db import models


class WebhookEndpoint(models.Model):
    """An address that is told of events; ``eventstore.webhooks`` writes it.

    ``starts_after`` is the watermark when it was added.  ``failing_since`` and
    ``failures`` tell of attempts in a row; ``next_attempt_at`` holds all of its
    deliveries back.  Both secrets are sealed; the old one signs, too, for a while.
    """

    class State(models.TextChoices):
        """Whether it is sent anything."""

        ACTIVE = "active"
        PAUSED = "paused"
        DISABLED = "disabled"

    name = models.TextField(unique=True)
    url = models.TextField()
    types = models.JSONField(default=list)
    personal = models.BooleanField(default=False)
    secret = models.TextField()
    secret_number = models.IntegerField(default=1)
    old_secret = models.TextField(default="", blank=True)
    old_secret_until = models.DateTimeField(null=True)
    state = models.TextField(choices=State, default=State.ACTIVE)
    reason = models.TextField(default="", blank=True)
    starts_after = models.BigIntegerField()
    failures = models.IntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    """One event owed to one endpoint; no body is kept, of the request or the answer."""

    class State(models.TextChoices):
        """Where the delivery stands."""

        PENDING = "pending"
        DONE = "done"
        FAILED = "failed"

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE)
    event_id = models.UUIDField()
    position = models.BigIntegerField()
    stream = models.TextField()
    version = models.BigIntegerField()
    type = models.TextField()
    state = models.TextField(choices=State, default=State.PENDING)
    attempts = models.IntegerField(default=0)
    status = models.IntegerField(null=True)
    error = models.TextField(default="", blank=True)
    next_attempt_at = models.DateTimeField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "event_id"], name="webhook_once_per_event"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                name="webhook_due",
                condition=models.Q(state="pending"),
            ),
            models.Index(
                fields=["endpoint", "state", "position"], name="webhook_state"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.position} to endpoint {self.endpoint_id}: {self.state}"
