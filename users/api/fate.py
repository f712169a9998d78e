"""``GET /commands/{id}``: what became of a command (ADR-0022)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from eventstore import checkpoints, conversations
from eventstore.events import RecordedEvent
from eventstore.snapshot_projection import SnapshotProjection
from eventstore.subscriptions import Projection, all_subscriptions
from users import unrecorded
from users.aggregate import USER, user_id_of
from users.api.carrying_out import actor_of
from users.api.schema import problems
from users.models import UnrecordedCommand
from users.scopes import Scope

RETRY_SECONDS = "1"
STATUSES = ("recorded", "visible", "unchanged", "refused")
UUID_VERSION = 7  # whose first 48 bits are milliseconds since 1970


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
        actor = actor_of(request)
        events = [
            event
            for event in conversations.caused_by(command_id)
            if event.actor == actor and event.category == USER.category
        ]
        if events:
            return _recorded(command_id, events[-1])
        note = unrecorded.find(command_id, actor=actor)
        if note is None:
            detail = "This client sent no such command, or it was long ago."
            raise NotFound(detail)
        return Response(FateSerializer(_unrecorded(note)).data)


def _recorded(command_id: UUID, last: RecordedEvent) -> Response:
    models = [
        each.name
        for each in all_subscriptions()
        if isinstance(each, Projection) and not isinstance(each, SnapshotProjection)
    ]
    reached = checkpoints.reached_with(last.stream, models)
    visible = {name: at >= last.position for name, at in reached.items()}
    fate = {
        "command_id": command_id,
        "command": last.metadata.get("command", ""),
        "status": "visible" if all(visible.values()) else "recorded",
        "user_id": user_id_of(last.stream),
        "stream": last.stream,
        "version": last.version,
        "position": last.position,
        "accepted_at": _accepted_at(command_id, last.recorded_at),
        "decided_at": last.recorded_at,
        "visible": visible,
        "problem": None,
    }
    wait = {} if all(visible.values()) else {"Retry-After": RETRY_SECONDS}
    return Response(FateSerializer(fate).data, headers=wait)


def _unrecorded(note: UnrecordedCommand) -> dict[str, Any]:
    return {
        "command_id": note.command_id,
        "command": note.command,
        "status": "refused" if note.problem else "unchanged",
        "user_id": note.user_id,
        "stream": USER.stream(note.user_id),
        "version": note.version,
        "position": note.position,
        "accepted_at": _accepted_at(note.command_id, note.decided_at),
        "decided_at": note.decided_at,
        "visible": {},
        "problem": note.problem,
    }


def _accepted_at(command_id: UUID, otherwise: datetime) -> datetime:
    if command_id.version != UUID_VERSION:
        return otherwise
    return datetime.fromtimestamp((command_id.int >> 80) / 1000, tz=UTC)
