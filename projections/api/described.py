"""How queries are described in the OpenAPI schema: each parameter with its bounds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter

from projections.api.parameters import MAX_LIMIT, MAX_REPEATS, MAX_TEXT, MAX_VERSION
from projections.filters import MAX_POSITION

INSTANT = {"type": "string", "format": "date-time"}


def whole_number(
    name: str, description: str, *, least: int, most: int, **more: Any
) -> OpenApiParameter:
    """Describe a whole number from *least* to *most*."""
    bounds = {"type": "integer", "minimum": least, "maximum": most, "format": "int64"}
    return OpenApiParameter(name, bounds, description=description, **more)


def instant(name: str, description: str, **more: Any) -> OpenApiParameter:
    """Describe an instant of RFC 3339."""
    return OpenApiParameter(name, INSTANT, description=description, **more)


def text(
    name: str, description: str, *, most: int = MAX_TEXT, **more: Any
) -> OpenApiParameter:
    """Describe a text of at most *most* characters."""
    return OpenApiParameter(name, _text(most), description=description, **more)


def some_of(name: str, description: str, known: list[str]) -> OpenApiParameter:
    """Describe a list of *known* names, by commas."""
    either = "|".join(known)
    some = {"type": "string", "pattern": f"^({either})(,({either}))*$"}
    return OpenApiParameter(name, some, description=description)


def _text(most: int) -> dict[str, Any]:
    some = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": some}


LIMIT = whole_number("limit", "How many at most.", least=1, most=MAX_LIMIT)
FROM_VERSION = whole_number(
    "from_version", "The first version.", least=1, most=MAX_VERSION
)
BEFORE_VERSION = whole_number(
    "before", "Below this version.", least=1, most=MAX_VERSION
)
MIN_VERSION = whole_number(
    "min_version",
    "Wait, at most 2 s, until the read model has this version.",
    least=1,
    most=MAX_VERSION,
)
BEFORE = whole_number(
    "before",
    "Below this position; not together with `after`.",
    least=1,
    most=MAX_POSITION,
)
AFTER = whole_number(
    "after",
    "Above this position, which the log must have come to.",
    least=0,
    most=MAX_POSITION,
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    {"type": "string", "pattern": r'^(\*|(W/)?"[0-9]{1,10}")$'},
    OpenApiParameter.HEADER,
    description="The `ETag` that the client has: 304 when it is still the one.",
)
AT = instant("at", "The state recorded by this instant.")
AS_OF = instant(
    "as_of",
    "What was true at this instant, by all that is known now; not together with `at`.",
)
EVENT_FILTERS = [
    text("stream", "Stream name, `user-<uuid>`."),
    OpenApiParameter(
        "type",
        {"type": "array", "items": _text(MAX_TEXT), "maxItems": MAX_REPEATS},
        description="Any of these types.",
    ),
    text("actor", "For example `client:crm`."),
    text("source", "For example `rest`."),
    OpenApiParameter("correlation", UUID, description="The conversation."),
    instant("since", "Recorded at or after this instant."),
    instant("until", "Recorded before this instant."),
]
