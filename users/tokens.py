"""API tokens: shown once, kept as a digest, known by name."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from hashlib import sha256

from django.db import transaction
from django.utils import timezone

from users.models import ApiToken
from users.values import person_name

PREFIX = "annals_"  # lets secret scanners find a leaked token
TOKEN_BYTES = 32


def issue(name: str) -> str:
    """Make a token for the client *name* and return it; it cannot be shown again.

    A token issued earlier under the same name stops working.

    Raises:
        InvalidValueError: *name* is no name; it will stand in every event.
    """
    name = person_name(name)
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        ApiToken.objects.filter(name=name).delete()
        ApiToken.objects.create(
            digest=_digest(token), name=name, created_at=timezone.now()
        )
    return token


def verify(token: str) -> ApiToken | None:
    """Return the live token that *token* stands for, or None.  One query."""
    return next(iter(live([_digest(token)])), None)


def live(digests: Collection[bytes]) -> list[ApiToken]:
    """Return those of the tokens with these digests that still work.  One query."""
    found = ApiToken.objects.filter(digest__in=digests, revoked_at__isnull=True)
    return list(found)


def _digest(token: str) -> bytes:
    # The token is 256 random bits: a slow hash would protect nothing more.
    return sha256(token.encode(errors="surrogatepass")).digest()
