"""Queries: read models, and the log where the question is about the past."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.http import parse_etags
from drf_spectacular.utils import (
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_304_NOT_MODIFIED

from eventstore import checkpoints, store
from eventstore.events import RecordedEvent
from eventstore.repository import Loaded, refuse_unreadable
from projections import queries
from projections.api import described, listing, masking, parameters
from projections.api.errors import BehindError, ParameterError
from projections.api.reflecting import (
    ETAG,
    NEXT_LINK,
    REFLECTED,
    WAITING,
    LogView,
    ReadModelView,
)
from projections.api.serializers import (
    EventPageSerializer,
    EventSerializer,
    UserAsOfSerializer,
    UserAtSerializer,
    UserPageSerializer,
    UserSerializer,
)
from projections.api.waiting import places
from projections.directory import DIRECTORY
from projections.models import DirectoryEntry
from users.aggregate import USER, User
from users.api.described import CREATE_ANSWERS, CREATE_HEADERS
from users.api.schema import problems
from users.api.serializers import CreateUserSerializer
from users.api.views import create_user
from users.errors import UserErasedError, UserNotFoundError
from users.scopes import Scope
from users.values import Status

WAIT_SECONDS = 2.0  # the longest that ?min_version= holds a request


class UsersView(ReadModelView):
    """All users: search them, now or then, or make one known."""

    scopes = {"GET": Scope.USERS_READ, "POST": Scope.USERS_WRITE}

    def projection(self, request: Request) -> str:
        """Return the name of the projection that answers."""
        return listing.projection(request)

    @extend_schema(
        operation_id="list_users",
        summary="Search and list users, now or at an instant",
        description="Whoever is found must match all that is asked for. With `at` or"
        " `as_of` search, filters and order are those of the instant.",
        parameters=[*listing.PARAMETERS, *WAITING, NEXT_LINK],
        responses={200: UserPageSerializer, **problems(400, 401)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of users."""
        return listing.answer(request)

    @extend_schema(
        operation_id="create_user",
        summary="Create a user",
        request=CreateUserSerializer,
        parameters=CREATE_HEADERS,
        responses=CREATE_ANSWERS,
    )
    def post(self, request: Request) -> HttpResponse:
        """Make a person known."""
        return create_user(self, request)


class UserView(ReadModelView):
    """One user: now, as recorded at an instant, or as it was true at one."""

    scopes = {"GET": Scope.USERS_READ}

    def projection(self, request: Request) -> str:  # noqa: ARG002 - lists need it
        """Return the name of the projection that answers."""
        return DIRECTORY.name

    def reached(self, request: Request) -> int:
        """Return how far the read model is with this user, or the log for the past."""
        if request.query_params.keys() & {"at", "as_of"}:
            return store.watermark()
        stream = USER.stream(self.kwargs["user_id"])
        return checkpoints.reached_with(stream, [DIRECTORY.name])[DIRECTORY.name]

    def come_to(self, request: Request) -> int:
        """Return what those who wait look at: this user."""
        return self.reached(request)

    @extend_schema(
        operation_id="get_user",
        summary="One user, now or at an instant",
        parameters=[
            described.AT,
            described.AS_OF,
            described.MIN_VERSION,
            described.IF_NONE_MATCH,
            *WAITING,
            ETAG,
        ],
        responses={
            304: OpenApiResponse(description="The client has this version."),
            200: PolymorphicProxySerializer(
                component_name="UserNowOrThen",
                serializers=[UserSerializer, UserAtSerializer, UserAsOfSerializer],
                resource_type_field_name=None,
            ),
            **problems(400, 401, 404, 410, 503),
        },
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """Return the user's state."""
        parameters.only(request, "at", "as_of", "min_version")
        at, as_of = parameters.two_instants(request)
        if (at or as_of) and "min_version" in request.query_params:
            raise ParameterError({"min_version": "The past has no newer version."})
        if at is not None:
            return _user_at(request, user_id, at)
        if as_of is not None:
            return _user_as_of(request, user_id, as_of)
        version = parameters.optional_number(
            request, "min_version", most=parameters.MAX_VERSION
        )
        entry = queries.entry(user_id)
        if version is not None and (entry is None or entry.version < version):
            entry = _awaited(user_id, version)
        if entry is None:
            raise _why_missing(user_id, version)
        tag = f'"{entry.version}"'
        if _has(request, tag):
            return Response(status=HTTP_304_NOT_MODIFIED, headers={"ETag": tag})
        shown = UserSerializer(entry, context=masking.context(request))
        return Response(shown.data, headers={"ETag": tag})


class UserEventsView(LogView):
    """Everything that happened to one user."""

    scopes = {"GET": Scope.USERS_READ}

    @extend_schema(
        operation_id="list_user_events",
        summary="Everything that happened to a user",
        parameters=[
            described.LIMIT,
            described.FROM_VERSION,
            REFLECTED,
            NEXT_LINK,
        ],
        responses={200: EventPageSerializer, **problems(400, 401, 404)},
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """Return the user's events, oldest first, straight from the log."""
        parameters.only(request, "limit", "from_version")
        limit = parameters.number(
            request, "limit", default=parameters.LIMIT, most=parameters.MAX_LIMIT
        )
        first = parameters.number(
            request, "from_version", default=1, most=parameters.MAX_VERSION
        )
        events = store.read_stream(
            USER.stream(user_id), from_version=first, to_version=first + limit
        )
        if not events and first == 1:
            raise UserNotFoundError(user_id)
        more = len(events) > limit
        link = parameters.link(request, from_version=first + limit) if more else None
        context = masking.context(request)
        shown = EventSerializer(events[:limit], many=True, context=context)
        body = {"results": shown.data, "next": link}
        return Response(body, headers=parameters.next_header(link))


def _has(request: Request, tag: str) -> bool:
    # Compared weakly: RFC 9110, section 13.1.2.
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return known == ["*"] or tag in {each.removeprefix("W/") for each in known}


def _user_at(request: Request, user_id: UUID, at: datetime) -> Response:
    state, last = _then(user_id, queries.user(user_id, at=at))
    shown = {**state, "at": at, "since": last.recorded_at}
    return Response(UserAtSerializer(shown, context=masking.context(request)).data)


def _user_as_of(request: Request, user_id: UUID, as_of: datetime) -> Response:
    state, last = _then(user_id, queries.user(user_id, as_of=as_of))
    shown = {**state, "as_of": as_of, "since": last.occurred_at}
    return Response(UserAsOfSerializer(shown, context=masking.context(request)).data)


def _then(
    user_id: UUID, loaded: Loaded[User | None]
) -> tuple[dict[str, Any], RecordedEvent]:
    if loaded.unreadable:
        refuse_unreadable([loaded.unreadable])
    if loaded.state is None or loaded.last is None:
        if queries.user(user_id).version == 0:
            raise UserNotFoundError(user_id)
        detail = "This user did not exist yet at that instant."
        raise NotFound(detail)
    state = {
        "id": user_id,
        "name": loaded.state.name,
        "email": loaded.state.email,
        "status": loaded.state.status,
        "version": loaded.version,
        "position": loaded.position,
        "last": loaded.last,
    }
    return state, loaded.last


def _awaited(user_id: UUID, version: int) -> DirectoryEntry | None:
    """Wait for a version that is in the log, if there is a place to wait."""
    stream = USER.stream(user_id)
    is_recorded = store.read_stream(stream, from_version=version, to_version=version)
    if not is_recorded or not places.acquire(blocking=False):
        return None
    try:
        return queries.entry_at_least(user_id, version, seconds=WAIT_SECONDS)
    finally:
        places.release()


def _why_missing(user_id: UUID, version: int | None) -> Exception:
    loaded = queries.user(user_id)
    known = loaded.version
    if loaded.unreadable:
        refuse_unreadable([loaded.unreadable])
    if loaded.state is not None and loaded.state.status is Status.ERASED:
        return UserErasedError(user_id)
    if known == 0:
        return UserNotFoundError(user_id)
    if version is not None and version > known:
        advice = f"This user is at version {known}; version {version} does not exist."
        return ParameterError({"min_version": advice})
    return BehindError("The read model does not show this version yet; ask again.")
