"""What the write side keeps beside the log: claims and the clients' tokens."""

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
        permissions = [
            ("issue_command", "Can issue commands on users"),
            ("erase_user", "Can erase users"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace} claim of {self.stream}"


class Suppression(models.Model):
    """An erased person's hold on a value: no source may bring the person back.

    Keyed as a claim is, so it tells nobody an address; made from nothing but claims.
    """

    namespace = models.TextField()
    digest = models.BinaryField()
    erased_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "digest"], name="suppressed_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.namespace} suppressed since {self.erased_at:%Y-%m-%d}"


class ApiToken(models.Model):
    """A REST client's key; only its SHA-256 digest is kept."""

    digest = models.BinaryField(primary_key=True)
    name = models.TextField(unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
