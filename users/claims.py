"""Claim or release an e-mail address in the append's transaction (ADR-0008)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256

from django.conf import settings

from users.errors import EmailTakenError
from users.events import UserCreated, UserEmailChanged, UserEvent
from users.models import Claim
from users.values import comparison_form

EMAIL = "email"


def settle(stream: str, events: Iterable[UserEvent]) -> None:
    """Take and release the claims that *events* imply; must run in a transaction.

    New claims come first: two users who swap addresses are refused, not deadlocked.

    Raises:
        EmailTakenError: Another user holds the address.
    """
    for event in events:
        match event:
            case UserCreated():
                _take(stream, event.email)
            case UserEmailChanged():
                old, new = digest(event.old_email), digest(event.new_email)
                if old != new:
                    _take(stream, event.new_email)
                    Claim.objects.filter(
                        namespace=EMAIL, digest=old, stream=stream
                    ).delete()
            case _:
                pass  # no other event touches an address


def holder(email: str) -> str | None:
    """Return the stream that holds *email*, or None."""
    return (
        Claim.objects.filter(namespace=EMAIL, digest=digest(email))
        .values_list("stream", flat=True)
        .first()
    )


def digest(email: str) -> bytes:
    """Return the keyed hash (32 bytes) under which *email* is claimed."""
    key: str = settings.CLAIM_KEY
    form = comparison_form(email)
    return hmac.new(key.encode(), form.encode(), sha256).digest()


def _take(stream: str, email: str) -> None:
    # ON CONFLICT DO NOTHING waits for a racing claim to commit or vanish.
    Claim.objects.bulk_create(
        [Claim(namespace=EMAIL, digest=digest(email), stream=stream)],
        ignore_conflicts=True,
    )
    if holder(email) != stream:
        raise EmailTakenError
