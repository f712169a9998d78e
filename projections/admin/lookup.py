"""Whom staff mean by what they type."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from eventstore import zones
from projections import holdings
from projections.holdings import Holding
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


def stream_ever(typed: str) -> str | None:
    """Return the same; of an address that nobody holds, whose it was.

    Raises:
        ValidationError: Several people had it; the message names them.
    """
    found = stream_of(typed)
    if found is not None or "@" not in typed:
        return found
    had = {each.user_id: each.name for each in holdings.over(typed)}
    if len(had) > 1:
        names = ", ".join(f"{name} ({identity})" for identity, name in had.items())
        message = _("Several people had this address: {names}. Take one by id.")
        raise ValidationError(message.format(names=names))
    return next(map(USER.stream, had), None)


def held(holding: Holding) -> str:
    """Return who had an address, and from when to when, on the reader's clock."""
    return _("{name} had this address from {since} to {until}").format(
        name=holding.name,
        since=zones.spelled(holding.since),
        until=zones.spelled(holding.until) if holding.until else _("now"),
    )


def user_id(typed: str) -> UUID | None:
    """Return the id that *typed* is, or None when it is none."""
    try:
        return UUID(typed)
    except ValueError:
        return None
