"""Lists of users over HTTP: searched, filtered, in any order, now or at an instant."""

from __future__ import annotations

from typing import Any

from django_filters import Filter
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from projections import pages, queries
from projections.api import described, masking, parameters
from projections.api.errors import ParameterError
from projections.api.serializers import UserSerializer
from projections.directory import DIRECTORY
from projections.filters import (
    MAX_POSITION,
    DirectoryFilter,
    InstantFilter,
    PositionFilter,
)
from projections.history import HISTORY
from users.api.permissions import demand
from users.scopes import Scope

PERSONAL_FILTERS = ("q", "email")
PERSONAL_ORDERINGS = ("name", "-name")
FIELDS = [name for name in UserSerializer.Meta.fields if name != "masked"]


def _described(name: str, given: Filter) -> OpenApiParameter:
    about = str(given.label or "")
    choices = [value for value, _ in given.extra.get("choices", [])]
    if choices:
        return OpenApiParameter(name, str, enum=choices, description=about)
    if isinstance(given, InstantFilter):
        return described.instant(name, about)
    if isinstance(given, PositionFilter):
        return described.whole_number(name, about, least=0, most=MAX_POSITION)
    return described.text(name, about, most=given.extra["max_length"])


PARAMETERS = [
    described.LIMIT,
    OpenApiParameter(
        "cursor",
        {"type": "string", "format": "cursor"},
        description="From `next` of a page.",
    ),
    OpenApiParameter(
        "ordering",
        str,
        enum=list(pages.ORDERINGS),
        description="Newest first unless told; `relevance`: the newest 1,000 of those"
        " whom `q` finds, best first. By name it takes `personal:read`.",
    ),
    described.some_of("fields", f"Only these, by commas: {', '.join(FIELDS)}.", FIELDS),
    described.AT,
    described.AS_OF,
    *(_described(name, each) for name, each in DirectoryFilter.base_filters.items()),
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
    for name in DirectoryFilter.base_filters:
        parameters.refuse_blank(request, name)
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
    body = {"results": results, "next": link}
    return Response(body, headers=parameters.next_header(link))


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
