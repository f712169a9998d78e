"""What the write side keeps beside the log: claims, tokens, quotas, answers."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.utils.translation import gettext_lazy


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
            ("override_owner", "Can change what another system owns"),
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
    token_id = models.UUIDField(unique=True, db_default=RandomUUID())
    name = models.TextField()
    scopes = ArrayField(models.TextField())
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # to the minute

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(revoked_at__isnull=True),
                name="apitoken_name_in_use_once",
            ),
        ]
        default_permissions = ("add", "view")
        permissions = [("revoke_apitoken", "Can revoke API tokens")]

    def __str__(self) -> str:
        return self.name


class SecondFactor(models.Model):
    """What a member of staff shows beside the password.

    ``secret`` is an app's secret, sealed; a passkey's public key; a recovery code's
    digest.  ``last_step`` and ``counter`` only grow: what was used works no more.
    """

    class Kind(models.TextChoices):
        """What it is."""

        APP = "app", gettext_lazy("Authenticator app")
        PASSKEY = "passkey", gettext_lazy("Passkey")
        RECOVERY = "recovery", gettext_lazy("Recovery code")

    account = models.ForeignKey("auth.User", models.CASCADE, related_name="+")
    kind = models.TextField(choices=Kind)
    name = models.TextField(default="")
    secret = models.BinaryField()
    last_step = models.BigIntegerField(default=0)
    counter = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} of account {self.account_id}"


class Quota(models.Model):
    """How often somebody did something in the window that is open.

    The table is unlogged: a crash of the database forgets it, and nothing else.
    """

    key = models.BinaryField(primary_key=True)  # keyed hash: names nobody
    used = models.IntegerField()
    resets_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.used} until {self.resets_at}"


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


class SalesforceRun(models.Model):
    """A run over Salesforce, as its stream tells it, and who is working at it.

    Everything but *fence*, *beaten_at* and *due_at* is a fold of ``salesforce_run-…``.
    """

    run_id = models.UUIDField(primary_key=True)
    sobject = models.TextField()
    mode = models.TextField()
    dry_run = models.BooleanField()
    state = models.TextField()
    actor = models.TextField()
    why = models.TextField(blank=True)
    org_id = models.TextField(blank=True)
    pages = models.IntegerField(default=0)
    counts = models.JSONField(default=dict)
    calls = models.IntegerField(default=0)
    used = models.IntegerField(default=0)  # requests of the whole org that day
    most = models.IntegerField(default=0)  # that it may make
    people = models.IntegerField(default=0)
    deactivated = models.IntegerField(default=0)
    covered_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    is_active = models.BooleanField(default=True)
    fence = models.IntegerField(default=0)  # whose number is older may not commit
    beaten_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sobject"],
                condition=models.Q(is_active=True),
                name="salesforce_run_one_active",
            ),
        ]
        indexes = [models.Index(fields=["-started_at"], name="salesforce_run_newest")]
        default_permissions = ("add", "change", "view")
        permissions = [
            ("approve_salesforcerun", "Can approve mass changes from Salesforce")
        ]

    def __str__(self) -> str:
        return f"{self.mode} {self.run_id}: {self.state}"


class SalesforceLink(models.Model):
    """Which record tells of which user, and by its hashes what it said last.

    No personal data: ``said`` has a keyed hash an attribute (``raw.fact_hash``).
    """

    class State(models.TextChoices):
        """What became of the record."""

        LINKED = "linked"
        DELETED = "deleted"
        MERGED = "merged"
        ABSENT = "absent"
        CONFLICT = "conflict"  # it could not become a user: another holds the address
        IGNORED = "ignored"  # the person was erased

    sf_id = models.TextField(primary_key=True)
    sobject = models.TextField()
    user_id = models.UUIDField()
    said = models.JSONField(default=dict)
    stamp = models.DateTimeField()
    modified = models.DateTimeField()
    state = models.TextField(choices=State)
    master_id = models.TextField(blank=True, default="")
    run_id = models.UUIDField(null=True)  # that found it last to say something new
    # Keyed, of the row that says nothing new any more; empty if there is none.
    digest = models.TextField(blank=True, default="", db_default="")

    class Meta:
        indexes = [
            models.Index(fields=["user_id"], name="salesforce_link_user"),
            models.Index(fields=["sobject", "state"], name="salesforce_link_state"),
        ]

    def __str__(self) -> str:
        return f"{self.sf_id}: {self.state}"


class SalesforceJob(models.Model):
    """A job of the Bulk API that a run made, until it is deleted over there."""

    job_id = models.TextField(primary_key=True)
    run_id = models.UUIDField()
    version = models.TextField()  # of the API

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.job_id


class SalesforceHint(models.Model):
    """A record that Salesforce said has changed, until a run is started over it."""

    sf_id = models.TextField(primary_key=True)
    hinted_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.sf_id


class SalesforceFinding(models.Model):
    """What a run would do and has not done: at its end, or never if it is a dry run."""

    run_id = models.UUIDField()
    sf_id = models.TextField()
    user_id = models.UUIDField()
    what = models.TextField()  # created, name, email, status, deactivated
    reason = models.TextField(blank=True)
    is_done = models.BooleanField(default=False)
    # Of the user, once the run had applied what else it read of them.
    version = models.BigIntegerField(null=True)
    # Of a dry run: what is and what would be, under a key of the run; empty if nothing.
    sealed = models.TextField(blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run_id", "sf_id", "what"], name="salesforce_finding_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["user_id", "run_id"],
                condition=~models.Q(sealed=""),
                name="salesforce_finding_sealed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.sf_id}"


class SalesforceSeen(models.Model):
    """Which linked records a page had: what is missing in the end is absent."""

    run_id = models.UUIDField()
    page = models.IntegerField()
    sf_ids = ArrayField(models.TextField())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run_id", "page"], name="salesforce_seen_once"
            ),
        ]

    def __str__(self) -> str:
        return f"page {self.page} of {self.run_id}"


class SalesforceConflict(models.Model):
    """A difference that was not applied; what it is about stands in the log.

    ``version`` is that of its newest ``SalesforceConflictOpened``, in the stream of the
    record.
    """

    sf_id = models.TextField()
    user_id = models.UUIDField()
    attribute = models.TextField()
    kind = models.TextField()
    version = models.BigIntegerField()
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sf_id", "attribute"],
                condition=models.Q(resolved_at__isnull=True),
                name="salesforce_conflict_open_once",
            ),
        ]
        default_permissions = ("change", "view")

    def __str__(self) -> str:
        return f"{self.attribute} of {self.sf_id}"
