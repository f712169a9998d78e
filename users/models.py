"""What the write side keeps beside the log: claims, tokens, and what was answered."""

from __future__ import annotations

from django.db import models


class Claim(models.Model):
    """One stream's hold on a value that only one living user may have.

    The digest is keyed (``CLAIM_KEY``): the table tells nobody an address.
    """

    namespace = models.TextField()
    digest = models.BinaryField()
    stream = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "digest"], name="claim_held_once"
            ),
        ]
        indexes = [models.Index(fields=["stream"], name="claim_stream")]
        # The aggregate has no table of its own for its permission to hang on.
        permissions = [("issue_command", "Can issue commands on users")]

    def __str__(self) -> str:
        return f"{self.namespace} claim of {self.stream}"


class ApiToken(models.Model):
    """A REST client's key; only its SHA-256 digest is kept."""

    digest = models.BinaryField(primary_key=True)
    name = models.TextField(unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class KeptAnswer(models.Model):
    """The answer to a request with an ``Idempotency-Key``, for its repeats (ADR-0022).

    Neither the key nor the request can be read from it: ``digest`` (client and key) and
    ``fingerprint`` (method, path, body) are keyed.  The answer holds no personal data.
    """

    digest = models.BinaryField(primary_key=True)
    fingerprint = models.BinaryField()
    status = models.SmallIntegerField()
    headers = models.JSONField()
    body = models.BinaryField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="answer_expiry")]

    def __str__(self) -> str:
        return f"{self.status} until {self.expires_at}"


class UnrecordedCommand(models.Model):
    """A command of which the log knows nothing: refused, or without effect (ADR-0022).

    ``problem`` is why it was refused, without a value of the command; null when it
    changed nothing.
    """

    command_id = models.UUIDField(primary_key=True)
    actor = models.TextField()
    command = models.TextField()
    user_id = models.UUIDField()
    version = models.BigIntegerField(null=True)
    position = models.BigIntegerField(null=True)
    problem = models.JSONField(null=True)
    decided_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["decided_at"], name="unrecorded_age")]

    def __str__(self) -> str:
        return f"{self.command} {self.command_id}"
