"""One view a command URL: authenticate, read the body, execute, answer 202."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import ClassVar, cast
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from eventstore.circumstances import acting
from eventstore.events import REST
from users import services
from users.api.authentication import Client
from users.api.schema import problems
from users.api.serializers import (
    ChangeEmailSerializer,
    ChangeNameSerializer,
    ChangeSerializer,
    ChangeStatusSerializer,
    CreateUserSerializer,
    EraseUserSerializer,
    OutcomeSerializer,
)
from users.scopes import Scope
from users.services import Outcome

ANSWERS = {
    202: OutcomeSerializer,
    200: OutcomeSerializer,
    **problems(400, 401, 404, 409, 410, 415, 503),
}


def create_user(request: Request) -> Response:
    """Carry out ``CreateUser``."""
    body = CreateUserSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    command = body.to_command()
    with _acting(request):
        outcome = services.execute(command)
    return _answer(command.user_id, outcome)


class CommandView(APIView):
    """Carries out one kind of command on the user that the URL names."""

    scopes = {"POST": Scope.USERS_WRITE}
    serializer_class: ClassVar[type[ChangeSerializer]]

    def post(self, request: Request, user_id: UUID) -> Response:
        """Carry out the command."""
        body = self.serializer_class(data=request.data)
        body.is_valid(raise_exception=True)
        command = body.to_command(user_id)
        with _acting(request):
            outcome = services.execute(command, expected_version=body.expected)
        return _answer(user_id, outcome)


@extend_schema_view(
    post=extend_schema(
        operation_id="change_name",
        summary="Change a user's name",
        request=ChangeNameSerializer,
        responses=ANSWERS,
    )
)
class ChangeNameView(CommandView):
    """Call a person otherwise."""

    serializer_class = ChangeNameSerializer


@extend_schema_view(
    post=extend_schema(
        operation_id="change_email",
        summary="Change a user's e-mail address",
        request=ChangeEmailSerializer,
        responses=ANSWERS,
    )
)
class ChangeEmailView(CommandView):
    """Reach a person at another address."""

    serializer_class = ChangeEmailSerializer


@extend_schema_view(
    post=extend_schema(
        operation_id="change_status",
        summary="Change a user's status",
        request=ChangeStatusSerializer,
        responses=ANSWERS,
    )
)
class ChangeStatusView(CommandView):
    """Let a person do more, or less."""

    serializer_class = ChangeStatusSerializer


@extend_schema_view(
    post=extend_schema(
        operation_id="erase_user",
        summary="Erase a user, for good",
        description="Destroys the key under which the person's data is sealed. Every "
        "event stays, and reads `[erased]` where it told of the person.",
        request=EraseUserSerializer,
        responses=ANSWERS,
    )
)
class EraseUserView(CommandView):
    """Make what is known of a person unreadable."""

    scopes = {"POST": Scope.USERS_ERASE}
    serializer_class = EraseUserSerializer


def _acting(request: Request) -> AbstractContextManager[None]:
    client = cast("Client", request.user)
    return acting(actor=client.actor, source=REST)


def _answer(user_id: UUID, outcome: Outcome) -> Response:
    body = {
        "user_id": user_id,
        "stream": outcome.stream,
        "version": outcome.version,
        "position": outcome.position,
        "changed": outcome.changed,
    }
    place = reverse("api:user", args=[user_id])
    return Response(
        body,
        status=status.HTTP_202_ACCEPTED if outcome.changed else status.HTTP_200_OK,
        headers={"Location": f"{place}?min_version={outcome.version}"},
    )
