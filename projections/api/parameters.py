"""Query parameters: bounded, and refused by name when they make no sense."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django.utils.encoding import escape_uri_path
from rest_framework.request import Request

from projections import instants
from projections.api.errors import ParameterError

LIMIT = 50
MAX_LIMIT = 200
MAX_VERSION = 2**31 - 1
MAX_TEXT = 300  # characters
MAX_REPEATS = 20  # of one parameter
PLACES = ("after", "before", "cursor", "from_version")  # where a page begins
BLANK = "Give it a value, or leave it out."


def only(request: Request, *names: str) -> None:
    """Refuse parameters that nobody reads: a misspelt filter would list everybody.

    Raises:
        ParameterError: One is not among *names*.
    """
    unknown = sorted(set(request.query_params) - set(names))
    if unknown:
        raise ParameterError(
            dict.fromkeys(unknown, "This parameter is not known here.")
        )


def number(
    request: Request, name: str, *, default: int, most: int, least: int = 1
) -> int:
    """Return a whole number from *least* to *most*.

    Raises:
        ParameterError: The parameter is something else.
    """
    raw = request.query_params.get(name)
    if raw is None:
        return default
    if raw.isascii() and raw.isdigit() and len(raw) <= len(str(most)):
        value = int(raw)
        if least <= value <= most:
            return value
    raise ParameterError({name: f"Use a whole number from {least} to {most}."})


def optional_number(
    request: Request, name: str, *, most: int, least: int = 1
) -> int | None:
    """Return a whole number from *least* to *most*, or None when it was not given."""
    if name not in request.query_params:
        return None
    return number(request, name, default=least, most=most, least=least)


def refuse_blank(request: Request, name: str) -> None:
    """Refuse a filter without a value, or with two: it would let everybody through.

    Raises:
        ParameterError: It is there and blank, or more than once.
    """
    given = request.query_params.getlist(name)
    if len(given) > 1:
        raise ParameterError({name: "Give it once."})
    if given and not given[0].strip():
        raise ParameterError({name: BLANK})


def past(request: Request, name: str) -> datetime | None:
    """Return an aware instant that has been, or None when it was not given.

    Raises:
        ParameterError: It is no instant, or still to come.
    """
    value = instant(request, name)
    if value is not None and value > timezone.now():
        raise ParameterError({name: "This moment is still to come."})
    return value


def instant(request: Request, name: str) -> datetime | None:
    """Return an aware instant, or None when it was not given.

    Raises:
        ParameterError: It is not RFC 3339 with an offset.
    """
    raw = request.query_params.get(name)
    if raw is None:
        return None
    try:
        return instants.parse(raw)
    except ValueError:
        raise ParameterError({name: str(instants.ADVICE)}) from None


def text(request: Request, name: str) -> str:
    """Return a text, empty when it was not given.

    Raises:
        ParameterError: It is longer than any stored value, or holds a NUL.
    """
    return _sound(name, request.query_params.get(name, ""))


def texts(request: Request, name: str) -> list[str]:
    """Return the values of a parameter that may be repeated.

    Raises:
        ParameterError: There are too many, or one is blank or too long.
    """
    given = request.query_params.getlist(name)
    if len(given) > MAX_REPEATS:
        raise ParameterError({name: f"Give it at most {MAX_REPEATS} times."})
    if not all(raw.strip() for raw in given):
        raise ParameterError({name: BLANK})
    return [_sound(name, raw) for raw in given]


def identifier(request: Request, name: str) -> UUID | None:
    """Return a UUID, or None when it was not given.

    Raises:
        ParameterError: It is none.
    """
    raw = request.query_params.get(name)
    if raw is None:
        return None
    try:
        return UUID(raw)
    except ValueError:
        raise ParameterError({name: "Use a UUID."}) from None


def choice(request: Request, name: str, *, default: str, known: Collection[str]) -> str:
    """Return one of *known*.

    Raises:
        ParameterError: The parameter is something else.
    """
    raw = request.query_params.get(name, default)
    if raw not in known:
        raise ParameterError({name: f"Use one of {', '.join(known)}."})
    return raw


def link(request: Request, **place: object) -> str:
    """Return the address of *request*, at another *place* of its pages."""
    query = request.query_params.copy()
    for name in PLACES:
        query.pop(name, None)
    for name, value in place.items():
        query[name] = str(value)
    path = escape_uri_path(request.path)
    return request.build_absolute_uri(f"{path}?{query.urlencode()}")


def next_header(url: str | None) -> dict[str, str]:
    """Return the header that names the next page; none on the last one."""
    return {"Link": f'<{url}>; rel="next"'} if url else {}


def two_instants(request: Request) -> tuple[datetime | None, datetime | None]:
    """Return ``at`` and ``as_of``, of which one at least is None.

    Raises:
        ParameterError: One is no instant that has been, or both were given.
    """
    at, as_of = past(request, "at"), past(request, "as_of")
    if at is not None and as_of is not None:
        raise ParameterError({"as_of": "Use either at or as_of, not both."})
    return at, as_of


def _sound(name: str, raw: str) -> str:
    if len(raw) > MAX_TEXT or "\x00" in raw:
        advice = f"Use at most {MAX_TEXT} characters, none of them NUL."
        raise ParameterError({name: advice})
    return raw
