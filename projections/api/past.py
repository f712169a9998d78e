"""What happened to one user, in words and fields, and why they are as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from eventstore import sentences
from eventstore.events import RecordedEvent
from eventstore.masking import MASK, masked_event
from projections import queries
from projections.api import described, masking, parameters
from projections.api.reflecting import NEXT_LINK, REFLECTED, LogView
from projections.queries import Chapter
from users.api.schema import problems
from users.errors import UserNotFoundError
from users.scopes import Scope

MAX_EARLIER = 50  # values of a field that are told


class ToldEventSerializer(serializers.Serializer[Any]):
    """An event in words: who did what, when, and through which command."""

    position = serializers.IntegerField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    event_id = serializers.UUIDField(read_only=True)
    type = serializers.CharField(read_only=True)
    sentence = serializers.CharField(read_only=True)
    actor = serializers.CharField(read_only=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]
    command = serializers.CharField(
        read_only=True, allow_null=True, help_text="Its name, where it is known."
    )
    command_id = serializers.CharField(read_only=True, allow_null=True)
    correlation_id = serializers.UUIDField(read_only=True)
    causation_id = serializers.UUIDField(read_only=True, allow_null=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    occurred_at = serializers.DateTimeField(read_only=True)


class FieldChangeSerializer(serializers.Serializer[Any]):
    """One field that an event changed."""

    field = serializers.CharField(read_only=True)
    old = serializers.CharField(
        read_only=True, allow_null=True, help_text="Null: there was none."
    )
    new = serializers.CharField(read_only=True, allow_null=True)


class ChapterSerializer(ToldEventSerializer):
    """An event in words, and the fields that it changed."""

    changes = FieldChangeSerializer(many=True, read_only=True)
    masked = serializers.BooleanField(
        required=False, help_text="As with users: personal data is masked."
    )


class HistoryPageSerializer(serializers.Serializer[Any]):
    """One page of a user's history, oldest first."""

    results = ChapterSerializer(many=True, read_only=True)
    next = serializers.URLField(read_only=True, allow_null=True)


class EarlierValueSerializer(serializers.Serializer[Any]):
    """A value that a field had, and the event that set it."""

    value = serializers.CharField(read_only=True, allow_null=True)
    set_by = ToldEventSerializer(read_only=True)


class ExplainedFieldSerializer(serializers.Serializer[Any]):
    """The value of a field, the event that set it, and the values before."""

    field = serializers.CharField(read_only=True)
    value = serializers.CharField(read_only=True, allow_null=True)
    set_by = ToldEventSerializer(read_only=True)
    earlier = EarlierValueSerializer(
        many=True, read_only=True, help_text="Newest first, at most 50."
    )
    is_cut = serializers.BooleanField(
        read_only=True, help_text="Whether there were more than those."
    )


class ExplanationSerializer(serializers.Serializer[Any]):
    """Why a user is as they are."""

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(
        read_only=True, help_text="Number of events that lead to this state."
    )
    fields = ExplainedFieldSerializer(many=True, read_only=True)  # type: ignore[assignment]
    masked = serializers.BooleanField(
        required=False, help_text="As with users: personal data is masked."
    )


class UserHistoryView(LogView):
    """Everything that happened to one user, in words and fields."""

    scopes = {"GET": Scope.USERS_READ}

    @extend_schema(
        operation_id="list_user_history",
        summary="A user's history: sentences, and what each event changed",
        parameters=[
            described.LIMIT,
            described.FROM_VERSION,
            REFLECTED,
            NEXT_LINK,
        ],
        responses={200: HistoryPageSerializer, **problems(400, 401, 404)},
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """Return what happened to the user, oldest first, straight from the log."""
        parameters.only(request, "limit", "from_version")
        limit = parameters.number(
            request, "limit", default=parameters.LIMIT, most=parameters.MAX_LIMIT
        )
        first = parameters.number(
            request, "from_version", default=1, most=parameters.MAX_VERSION
        )
        found = queries.chapters(user_id, from_version=first, limit=limit + 1)
        if not found and first == 1:
            raise UserNotFoundError(user_id)
        link = None
        if len(found) > limit:
            link = parameters.link(request, from_version=first + limit)
        sees = masking.context(request)["sees_personal"]
        results = [_chapter(each, sees=sees) for each in found[:limit]]
        told = HistoryPageSerializer({"results": results, "next": link})
        return Response(told.data, headers=parameters.next_header(link))


class UserExplanationView(LogView):
    """Why one user is as they are, or were."""

    scopes = {"GET": Scope.USERS_READ}

    @extend_schema(
        operation_id="explain_user",
        summary="For each field of a user: its value, who set it, when and why",
        parameters=[
            described.AT,
            described.AS_OF,
            REFLECTED,
        ],
        responses={200: ExplanationSerializer, **problems(400, 401, 404)},
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """Return each field with the event that set it, straight from the log."""
        parameters.only(request, "at", "as_of")
        at, as_of = parameters.two_instants(request)
        found = queries.known_by(user_id, at=at, as_of=as_of)
        if not found or found[-1].after is None:
            if not found and not queries.user(user_id).version:
                raise UserNotFoundError(user_id)
            detail = "This user did not exist yet at that instant."
            raise NotFound(detail)
        sees = masking.context(request)["sees_personal"]
        shown = {
            "id": user_id,
            "version": len(found),
            "fields": [_explained(field, found, sees=sees) for field in queries.FIELDS],
        }
        return Response(ExplanationSerializer(_said(shown, sees=sees)).data)


def _chapter(chapter: Chapter, *, sees: bool) -> dict[str, Any]:
    changes = [
        {
            "field": change.field,
            "old": _value(change.field, change.old, sees=sees),
            "new": _value(change.field, change.new, sees=sees),
        }
        for change in chapter.changes
    ]
    return _said(_told(chapter.event, sees=sees) | {"changes": changes}, sees=sees)


def _explained(
    field: str, chapters: Sequence[Chapter], *, sees: bool
) -> dict[str, Any]:
    changes = (
        (change.new, chapter.event)
        for chapter in reversed(chapters)
        for change in chapter.changes
        if change.field == field
    )
    # Cut before anything is put in words: a field may have had any number of values.
    some = list(islice(changes, 1 + MAX_EARLIER + 1))
    newest, *earlier = [
        {"value": _value(field, value, sees=sees), "set_by": _told(event, sees=sees)}
        for value, event in some[: 1 + MAX_EARLIER]
    ]
    return {
        "field": field,
        **newest,
        "earlier": earlier,
        "is_cut": len(some) > 1 + MAX_EARLIER,
    }


def _told(event: RecordedEvent, *, sees: bool) -> dict[str, Any]:
    known = event if sees else masked_event(event)
    return {
        "position": known.position,
        "version": known.version,
        "event_id": known.event_id,
        "type": known.type,
        "sentence": sentences.sentence(known),
        "actor": known.actor,
        "source": known.source,
        "command": known.metadata.get("command"),
        "command_id": known.metadata.get("command_id"),
        "correlation_id": known.correlation_id,
        "causation_id": known.causation_id,
        "recorded_at": known.recorded_at,
        "occurred_at": known.occurred_at,
    }


def _value(field: str, value: str | None, *, sees: bool) -> str | None:
    return value if sees or field not in masking.PERSONAL else MASK


def _said(shown: Mapping[str, Any], *, sees: bool) -> dict[str, Any]:
    return {**shown} if sees else {**shown, "masked": True}
