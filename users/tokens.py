"""API tokens: shown once, kept as a digest, known by name; issuing is an event."""

from __future__ import annotations

import logging
import re
import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID
from zlib import crc32

import uuid_utils.compat as uuid
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from eventstore import store, wire
from eventstore.events import ANY, NO_STREAM
from eventstore.wording import worded
from users.errors import (
    InvalidValueError,
    TokenNameTakenError,
    TokenNotFoundError,
)
from users.models import ApiToken
from users.scopes import Scope
from users.token_events import ApiTokenIssued, ApiTokenRevoked
from users.values import person_name
from users.values import reason as proper_reason

PREFIX = "annals_"  # lets secret scanners find a leaked token
ALPHABET = string.digits + string.ascii_letters
SECRET_LENGTH = 43  # of 62 characters each: more than 256 random bits
CHECKSUM_LENGTH = 6  # CRC-32 in the same characters: a scanner need not ask anybody
SHAPE = re.compile(
    rf"{PREFIX}(?P<secret>[0-9A-Za-z]{{43}})(?P<checksum>[0-9A-Za-z]{{6}})"
)
FIRST_SHAPE = re.compile(rf"{PREFIX}[\w-]{{43}}", re.ASCII)  # issued before scopes
REPLACED = "Replaced by a newer token."
COLUMNS = [field.attname for field in ApiToken._meta.concrete_fields]  # noqa: SLF001
USE_INTERVAL = timedelta(minutes=1)  # between two notes of a token's use

logger = logging.getLogger(__name__)


class Standing(StrEnum):
    """Whether a token works."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


def issue(
    name: str,
    *,
    scopes: Collection[Scope],
    expires_at: datetime | None = None,
    reason: str = "",
    replaces: bool = False,
) -> str:
    """Make a token for the client *name* and return it; it cannot be shown again.

    Atomic: the token and its :class:`ApiTokenIssued` exist both, or neither.

    Args:
        name: Who will use it; it will stand in every event.
        scopes: What it may do, at least one.
        expires_at: When it ends by itself, aware; None for never.
        reason: Why, for the log.
        replaces: Revoke the token that has the name now.

    Raises:
        InvalidValueError: A value is not acceptable.
        TokenNameTakenError: A token of this name is not revoked, and *replaces* is
            False, or somebody else issued one at the same moment.
    """
    name, reason = person_name(name), proper_reason(reason)
    _refuse_useless(scopes, expires_at)
    token = _random_token()
    kept = ApiToken(
        digest=_digest(token),
        token_id=uuid.uuid7(),
        name=name,
        scopes=sorted(scopes),
        created_at=timezone.now(),
        expires_at=expires_at,
    )
    with transaction.atomic():
        if replaces:
            for old in ApiToken.objects.filter(name=name, revoked_at__isnull=True):
                revoke(old.token_id, reason=REPLACED)
        _keep(kept)
        issued = ApiTokenIssued(
            name=name, scopes=kept.scopes, expires_at=expires_at, reason=reason
        )
        store.append(stream(kept.token_id), [issued], expected_version=NO_STREAM)
    return token


def revoke(token_id: UUID, *, reason: str = "") -> ApiToken:
    """End a token for good and return it; once more changes nothing.

    Atomic: the end and its :class:`ApiTokenRevoked` exist both, or neither.

    Raises:
        TokenNotFoundError: There is no such token.
        InvalidValueError: *reason* is not acceptable.
    """
    reason = proper_reason(reason)
    with transaction.atomic():
        found = ApiToken.objects.select_for_update().filter(token_id=token_id).first()
        if found is None:
            raise TokenNotFoundError
        if found.revoked_at is None:
            found.revoked_at = timezone.now()
            found.save(update_fields=["revoked_at"])
            revoked = ApiTokenRevoked(name=found.name, reason=reason)
            store.append(stream(token_id), [revoked], expected_version=ANY)
    return found


def find(token: str) -> ApiToken | None:
    """Return what is kept of *token*, live or not; None when it was never issued.

    At most one query, none for a text that cannot be a token.
    """
    if not _is_sound(token):
        return None
    for row in wire.rows("users.find_token", {"digest": _digest(token)}):
        return ApiToken.from_db(None, COLUMNS, row)
    return None


def verify(token: str) -> ApiToken | None:
    """Return the live token that *token* stands for, or None.  At most one query."""
    found = find(token)
    return found if found and standing(found) is Standing.LIVE else None


def live(digests: Collection[bytes]) -> list[ApiToken]:
    """Return those of the tokens with these digests that work now.  One query."""
    found = ApiToken.objects.filter(digest__in=digests)
    return [token for token in found if standing(token) is Standing.LIVE]


def standing(token: ApiToken) -> Standing:
    """Return whether *token* works now."""
    if token.revoked_at is not None:
        return Standing.REVOKED
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return Standing.EXPIRED
    return Standing.LIVE


def note_use(token: ApiToken) -> None:
    """Remember that *token* was used, at most once a minute.

    Waits for nobody, and a failure is only logged: the request goes on.
    """
    now = timezone.now()
    if token.last_used_at is not None and now - token.last_used_at < USE_INTERVAL:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_INTERVAL)
    mine = ApiToken.objects.filter(stale, pk=token.pk)
    try:
        with transaction.atomic():
            free = mine.select_for_update(skip_locked=True).values("pk")
            ApiToken.objects.filter(pk__in=free).update(last_used_at=now)
    except DatabaseError as error:
        reason = type(error).__name__
        logger.warning("token use not noted", extra={"error": reason})


def stream(token_id: UUID) -> str:
    """Return the stream with the token's events."""
    return f"token-{token_id}"


def _refuse_useless(scopes: Collection[Scope], expires_at: datetime | None) -> None:
    if not scopes:
        field = "scopes"
        raise InvalidValueError(field, worded("Choose at least one scope."))
    if expires_at is not None and expires_at <= timezone.now():
        field = "expires"
        raise InvalidValueError(field, worded("Choose a time that is still to come."))


def _keep(token: ApiToken) -> None:
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError:
        raise TokenNameTakenError(token.name) from None


def _random_token() -> str:
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    return f"{PREFIX}{secret}{_checksum(secret)}"


def _is_sound(token: str) -> bool:
    if found := SHAPE.fullmatch(token):
        return _checksum(found["secret"]) == found["checksum"]
    return FIRST_SHAPE.fullmatch(token) is not None


def _checksum(secret: str) -> str:
    number, digits = crc32(secret.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def _digest(token: str) -> bytes:
    # The token is 256 random bits: a slow hash would protect nothing more.
    return sha256(token.encode()).digest()
