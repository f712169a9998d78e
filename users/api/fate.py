"""``GET /commands/{id}``: what became of a command (ADR-0022)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from users import fates
from users.aggregate import user_id_of
from users.api.carrying_out import actor_of
from users.api.schema import problems
from users.fates import STATUSES, Fate
from users.scopes import Scope

RETRY_SECONDS = "1"


class WhyRefusedSerializer(serializers.Serializer[Any]):
    """Why a command was refused: the problem, without a value of the command."""

    type = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    status = serializers.IntegerField(read_only=True)
    pointers = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="The fields at fault."
    )


class FateSerializer(serializers.Serializer[Any]):
    """What became of a command."""

    command_id = serializers.UUIDField(read_only=True)
    command = serializers.CharField(read_only=True)
    status = serializers.ChoiceField(
        choices=STATUSES,
        read_only=True,
        help_text="A recorded command is visible once all read models show it.",
    )
    user_id = serializers.UUIDField(read_only=True)
    stream = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True, allow_null=True)
    position = serializers.IntegerField(read_only=True, allow_null=True)
    accepted_at = serializers.DateTimeField(read_only=True)
    decided_at = serializers.DateTimeField(
        read_only=True, help_text="When its events were recorded, or it was refused."
    )
    visible = serializers.DictField(
        child=serializers.BooleanField(),
        read_only=True,
        help_text="Whether each read model shows it; empty when there is nothing to.",
    )
    problem = WhyRefusedSerializer(read_only=True, allow_null=True)


class FateView(APIView):
    """What became of a command of this client."""

    scopes = {"GET": (Scope.USERS_WRITE, Scope.USERS_ERASE)}

    @extend_schema(
        operation_id="get_command",
        summary="What became of a command",
        parameters=[
            OpenApiParameter(
                "Retry-After",
                str,
                OpenApiParameter.HEADER,
                description="Seconds until asking again may tell more.",
                response=[200],
            )
        ],
        responses={200: FateSerializer, **problems(400, 401, 404, 503)},
    )
    def get(self, request: Request, command_id: UUID) -> Response:
        """Return where the command stands; a client sees its own only."""
        fate = fates.of_user_command(command_id, actor=actor_of(request))
        if fate is None:
            detail = "This client sent no such command, or it was long ago."
            raise NotFound(detail)
        wait = {"Retry-After": RETRY_SECONDS} if fate.status == "recorded" else {}
        return Response(FateSerializer(_told(fate)).data, headers=wait)


def _told(fate: Fate) -> dict[str, Any]:
    names = FateSerializer().fields.keys() - {"user_id"}
    told = {name: getattr(fate, name) for name in names}
    return told | {"user_id": user_id_of(fate.stream)}
