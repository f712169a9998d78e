"""One view a command URL: authenticate, read the body, execute, answer 202."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.views import APIView

from users.api import conditions
from users.api.carrying_out import carry_out
from users.api.described import CHANGE_ANSWERS, CHANGE_HEADERS
from users.api.serializers import (
    ChangeEmailSerializer,
    ChangeNameSerializer,
    ChangeSerializer,
    ChangeStatusSerializer,
    CreateUserSerializer,
    EraseUserSerializer,
)
from users.scopes import Scope


def create_user(view: APIView, request: Request) -> HttpResponse:
    """Carry out ``CreateUser``."""
    body = CreateUserSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    conditions.refuse_condition(request)
    command = body.to_command(body.validated_data)
    return carry_out(view, request, command, lambda: None)


class CommandView(APIView):
    """Carries out one kind of command on the user that the URL names."""

    scopes = {"POST": Scope.USERS_WRITE}
    serializer_class: ClassVar[type[ChangeSerializer]]

    def post(self, request: Request, user_id: UUID) -> HttpResponse:
        """Carry out the command."""
        body = self.serializer_class(data=request.data)
        body.is_valid(raise_exception=True)
        known = body.validated_data
        named = known.get("expected_version")
        return carry_out(
            self,
            request,
            body.to_command(known, user_id),
            lambda: conditions.expected_version(request, named, user_id),
        )


@extend_schema_view(
    post=extend_schema(
        operation_id="change_name",
        summary="Change a user's name",
        request=ChangeNameSerializer,
        parameters=CHANGE_HEADERS,
        responses=CHANGE_ANSWERS,
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
        parameters=CHANGE_HEADERS,
        responses=CHANGE_ANSWERS,
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
        parameters=CHANGE_HEADERS,
        responses=CHANGE_ANSWERS,
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
        "event stays, and reads `[erased]` where it told of the person. 403 where the "
        "installation wants a second person: ask in the back office.",
        request=EraseUserSerializer,
        parameters=CHANGE_HEADERS,
        responses=CHANGE_ANSWERS,
    )
)
class EraseUserView(CommandView):
    """Make what is known of a person unreadable."""

    scopes = {"POST": Scope.USERS_ERASE}
    serializer_class = EraseUserSerializer
