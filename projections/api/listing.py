"""Lists of users over HTTP: searched, filtered, in any order, now or at an instant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from projections import pages, queries
from projections.api import masking, parameters
from projections.api.errors import ParameterError
from projections.api.serializers import UserSerializer
from projections.directory import DIRECTORY
from projections.filters import DirectoryFilter, InstantFilter, PositionFilter
from projections.history import HISTORY
from users.api.permissions import demand
from users.scopes import Scope

PERSONAL_FILTERS = ("q", "email")
PERSONAL_ORDERINGS = ("name", "-name")
FIELDS = [name for name in UserSerializer.Meta.fields if name != "masked"]
KINDS: dict[type, type] = {InstantFilter: datetime, PositionFilter: int}

PARAMETERS = [
    OpenApiParameter("limit", int, description="At most 200."),
    OpenApiParameter("cursor", str, description="From `next` of a page."),
    OpenApiParameter(
        "ordering",
        str,
        enum=list(pages.ORDERINGS),
        description="Newest first unless told; `relevance`, of what `q` searches, best"
        " first. By name it takes `personal:read`.",
    ),
    OpenApiParameter(
        "fields", str, description=f"Only these, by commas: {', '.join(FIELDS)}."
    ),
    OpenApiParameter("at", datetime, description="Instant: as recorded by then."),
    OpenApiParameter(
        "as_of",
        datetime,
        description="Instant: as it was true then, by all that is known now; not"
        " together with `at`.",
    ),
    *(
        OpenApiParameter(
            name,
            KINDS.get(type(each), str),
            description=str(each.label or ""),
            enum=[value for value, _ in each.extra.get("choices", [])] or None,
        )
        for name, each in DirectoryFilter.base_filters.items()
    ),
]
NAMES = [each.name for each in PARAMETERS]


def projection(request: Request) -> str:
    """Return the name of the projection that answers: the past has its own."""
    is_then = request.query_params.keys() & {"at", "as_of"}
    return HISTORY.name if is_then else DIRECTORY.name


def answer(request: Request) -> Response:
    """Answer with a page of the users that the query asks for.

    Raises:
        CursorError: ``cursor`` is not one of ours, or of another order.
        MissingScopeError: It searches or sorts by what the client may not see.
        ParameterError: A parameter makes no sense.
    """
    parameters.only(request, *NAMES)
    masking.refuse_search(request, *PERSONAL_FILTERS)
    at, as_of = parameters.two_instants(request)
    wanted = DirectoryFilter(request.query_params, queries.users(at=at, as_of=as_of))
    if not wanted.is_valid():
        raise ParameterError(wanted.errors)
    words = wanted.form.cleaned_data["q"]
    fields = _fields(request)
    page = pages.page(
        wanted.qs,
        ordering=_ordering(request, words),
        words=words,
        cursor=request.query_params.get("cursor"),
        limit=parameters.number(
            request, "limit", default=parameters.LIMIT, most=parameters.MAX_LIMIT
        ),
    )
    shown = UserSerializer(page.entries, many=True, context=masking.context(request))
    results = [
        {name: user[name] for name in user if name in fields} for user in shown.data
    ]
    link = page.cursor and parameters.link(request, cursor=page.cursor)
    headers = {"Link": f'<{link}>; rel="next"'} if link else {}
    return Response({"results": results, "next": link}, headers=headers)


def _ordering(request: Request, words: str) -> str:
    ordering = parameters.choice(
        request, "ordering", default=pages.NEWEST, known=pages.ORDERINGS
    )
    if ordering in PERSONAL_ORDERINGS:
        why = "An order by name tells names."
        demand(request, Scope.PERSONAL_READ, why)
    if ordering == pages.RELEVANCE and not words:
        raise ParameterError({"ordering": "Say in `q` what is to be relevant to."})
    return ordering


def _fields(request: Request) -> set[str]:
    """Return which fields are shown; that they are masked is always said."""
    raw: Any = request.query_params.get("fields")
    if raw is None:
        return {*FIELDS, "masked"}
    names = {name.strip() for name in raw.split(",")}
    if not names <= set(FIELDS):
        raise ParameterError({"fields": f"Use some of {', '.join(FIELDS)}."})
    return {*names, "masked"}
