"""``If-Match`` and ``Prefer: handling=strict``: which version a client has seen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.http import parse_etags
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.request import Request

from eventstore import repository, sentences, store
from eventstore.errors import ConcurrencyError
from eventstore.events import NO_STREAM, STREAM_EXISTS
from eventstore.masking import masked_event
from users.aggregate import USER

STRICT = re.compile(r'(?:^|,)\s*handling\s*=\s*"?strict"?\s*(?:[,;]|$)', re.IGNORECASE)
APPLIED = {"Preference-Applied": "handling=strict"}
TAG = re.compile(r'"([1-9][0-9]{0,8})"')
NO_MATCH = "If-Match names no version it was at (a weak ETag names none)."
ANY = "*"  # of an If-Match: whatever version it is
MAX_CHANGES = 50  # that a stale client is told


class ConditionRequiredError(APIException):
    """A command without a version, where one is demanded."""

    status_code = 428
    default_code = "precondition_required"
    default_detail = (
        "Say which version you have seen: send the ETag of the user as If-Match, or"
        " expected_version in the command."
    )


class StaleError(APIException):
    """The user is not at the version that ``If-Match`` names.

    Attributes:
        version: Where the user is.
        changes: The events since, oldest first, at most 50; none for a client that
            may not read users.
    """

    status_code = 412
    default_code = "precondition_failed"

    def __init__(
        self, error: ConcurrencyError, *, sees_changes: bool, sees_personal: bool
    ) -> None:
        self.version = error.actual
        self.changes: Sequence[Mapping[str, Any]] = []
        if sees_changes:
            self.changes = _meanwhile(error, sees_personal=sees_personal)
        was_there = 0 < error.expected < error.actual
        look = "Look at what changed" if was_there else f"{NO_MATCH} Look"
        super().__init__(
            f"The user is at version {error.actual}. {look}, and send the command again"
            " with its ETag if you still mean it."
        )


def etag(version: int) -> str:
    """Return the entity tag of a user at *version*."""
    return f'"{version}"'


def is_strict(request: Request) -> bool:
    """Whether a command must say which version its client has seen (ADR-0023)."""
    return bool(settings.REQUIRE_IF_MATCH or prefers_strict(request))


def prefers_strict(request: Request) -> bool:
    """Whether the client asked for strictness (RFC 7240)."""
    return STRICT.search(request.headers.get("Prefer", "")) is not None


def is_conditional(request: Request) -> bool:
    """Whether there is an ``If-Match``."""
    return "If-Match" in request.headers


def names_versions(request: Request) -> bool:
    """Whether an ``If-Match`` is there that a user may fail to match: all but ``*``."""
    return request.headers.get("If-Match", ANY).strip() != ANY


def refuse_condition(request: Request) -> None:
    """Go on only without ``If-Match``, which has no meaning here.

    Raises:
        ParseError: There is one; to pass it by would be to break a promise.
    """
    if is_conditional(request):
        message = "Leave If-Match out: this address has no version."
        raise ParseError(message)


def expected_version(request: Request, named: int | None, user_id: UUID) -> int | None:
    """Return the version at which the command is to be carried out; None for any.

    Args:
        request: May have an ``If-Match``.
        named: The version that the body names.
        user_id: Whose version.

    Raises:
        ConditionRequiredError: None is named and one is demanded.
        ConcurrencyError: ``If-Match`` names no version at which the user is.
        ParseError: ``If-Match`` holds no entity tag.
        ValidationError: Header and body name two.
    """
    if not is_conditional(request):
        if named is None and is_strict(request):
            raise ConditionRequiredError
        return named
    matched = _matched(request.headers["If-Match"], user_id)
    if matched is not None and named not in (None, matched):
        advice = "Leave it out, or name the version that If-Match names."
        raise ValidationError({"expected_version": advice})
    return named if matched is None else matched


def _matched(header: str, user_id: UUID) -> int | None:
    tags = parse_etags(header)
    if tags == [ANY]:
        return None  # any version: that the user exists is a rule of its own
    if not tags:
        message = "Send If-Match as the ETag came, with its quotes."
        raise ParseError(message)
    named = [int(found[1]) for tag in tags if (found := TAG.fullmatch(tag))]
    if len(named) == 1:
        return named[0]
    # Several, or none that a user can have: what is there now decides.
    now = repository.load(USER, user_id).version
    if now == NO_STREAM or now in named:
        return now or None
    expected = max(named, default=STREAM_EXISTS)
    raise ConcurrencyError(USER.stream(user_id), expected=expected, actual=now)


def _meanwhile(
    error: ConcurrencyError, *, sees_personal: bool
) -> Sequence[Mapping[str, Any]]:
    if error.expected < 1:
        return []
    first = error.expected + 1
    events = store.read_stream(
        error.stream, from_version=first, to_version=error.expected + MAX_CHANGES
    )
    return [
        {
            "version": event.version,
            "position": event.position,
            "type": event.type,
            "recorded_at": event.recorded_at,
            "sentence": sentences.sentence(
                event if sees_personal else masked_event(event)
            ),
        }
        for event in events
    ]
