"""Whom staff mean by what they type."""

from __future__ import annotations

from uuid import UUID

from users import claims
from users.aggregate import USER
from users.errors import InvalidValueError


def stream_of(typed: str) -> str | None:
    """Return the stream meant by a stream's name, a user's id or an e-mail address.

    None when nobody holds the address.
    """
    if "@" in typed:
        try:
            return claims.holder(typed)
        except InvalidValueError:
            return None
    identity = user_id(typed)
    return typed if identity is None else USER.stream(identity)


def user_id(typed: str) -> UUID | None:
    """Return the id that *typed* is, or None when it is none."""
    try:
        return UUID(typed)
    except ValueError:
        return None
