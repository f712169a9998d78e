"""Rows, states and events as JSON; read only."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from projections.api.masking import MaskedEventSerializer, MaskedSerializer
from projections.models import DirectoryEntry
from users.values import NAME_LENGTH, Status


class UserSerializer(MaskedSerializer, serializers.ModelSerializer[DirectoryEntry]):
    """A user as the directory has it, at *version*."""

    id = serializers.UUIDField(source="user_id", read_only=True)
    status = serializers.ChoiceField(choices=[s.value for s in Status], read_only=True)

    class Meta:
        model = DirectoryEntry
        fields = (
            "id",
            "name",
            "email",
            "status",
            "source",
            "created_at",
            "updated_at",
            "version",
            "position",
            "masked",
        )
        read_only_fields = fields[:-1]


class ListedUserSerializer(UserSerializer):
    """A user in a list: the fields that were asked for."""

    def get_fields(self) -> dict[str, Any]:
        """Return the same fields, none of which need be there."""
        fields = super().get_fields()
        for field in fields.values():
            field.read_only, field.required = False, False
        return fields


class LastEventSerializer(serializers.Serializer[Any]):
    """The event that was last: why the state is what it is."""

    position = serializers.IntegerField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    event_id = serializers.UUIDField(read_only=True)
    type = serializers.CharField(read_only=True)
    actor = serializers.CharField(read_only=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    occurred_at = serializers.DateTimeField(read_only=True)


class _UserThenSerializer(MaskedSerializer):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True, max_length=NAME_LENGTH)
    email = serializers.CharField(read_only=True)
    status = serializers.ChoiceField(choices=[s.value for s in Status], read_only=True)
    version = serializers.IntegerField(
        read_only=True, help_text="Number of events that lead to this state."
    )
    position = serializers.IntegerField(
        read_only=True, help_text="Position of the event that was last."
    )
    last = LastEventSerializer(read_only=True)


class UserAtSerializer(_UserThenSerializer):
    """A user as recorded at an instant, and the event that was last then."""

    at = serializers.DateTimeField(read_only=True, help_text="The instant asked for.")
    since = serializers.DateTimeField(
        read_only=True, help_text="When the last event before it was recorded."
    )


class UserAsOfSerializer(_UserThenSerializer):
    """A user as it was true at an instant, and the event that was last then."""

    as_of = serializers.DateTimeField(
        read_only=True, help_text="The instant asked for."
    )
    since = serializers.DateTimeField(
        read_only=True, help_text="When the last event before it became true."
    )


class EventSerializer(MaskedEventSerializer):
    """One event of the log."""

    position = serializers.IntegerField(read_only=True)
    stream = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    event_id = serializers.UUIDField(read_only=True)
    type = serializers.CharField(read_only=True)
    schema_version = serializers.IntegerField(read_only=True)
    data = serializers.DictField(read_only=True)  # type: ignore[assignment]
    actor = serializers.CharField(read_only=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]
    correlation_id = serializers.UUIDField(read_only=True)
    causation_id = serializers.UUIDField(read_only=True, allow_null=True)
    metadata = serializers.DictField(read_only=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    occurred_at = serializers.DateTimeField(read_only=True)


class UserPageSerializer(serializers.Serializer[Any]):
    """One page of users, in the order asked for."""

    results = ListedUserSerializer(many=True, read_only=True)
    next = serializers.URLField(read_only=True, allow_null=True)


class EventPageSerializer(serializers.Serializer[Any]):
    """The events of one stream, oldest first."""

    results = EventSerializer(many=True, read_only=True)
    next = serializers.URLField(read_only=True, allow_null=True)


class StreamSerializer(serializers.Serializer[Any]):
    """A stream, and one page of its events, newest first."""

    stream = serializers.CharField(read_only=True)
    version = serializers.IntegerField(
        read_only=True, help_text="Of its newest event: how many there are."
    )
    first = EventSerializer(read_only=True)
    head = EventSerializer(read_only=True)
    results = EventSerializer(many=True, read_only=True)
    next = serializers.URLField(read_only=True, allow_null=True, help_text="Older.")


class LogPageSerializer(serializers.Serializer[Any]):
    """One page of the log, newest first."""

    results = EventSerializer(many=True, read_only=True)
    next = serializers.URLField(read_only=True, allow_null=True, help_text="Older.")
    previous = serializers.URLField(read_only=True, allow_null=True, help_text="Newer.")


class AroundSerializer(serializers.Serializer[Any]):
    """What was recorded around an instant, oldest first."""

    position = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="The last event recorded at or before the instant.",
    )
    results = EventSerializer(many=True, read_only=True, source="events")
    is_cut = serializers.BooleanField(
        read_only=True, help_text="Whether the window holds more than is shown."
    )


class NodeSerializer(serializers.Serializer[Any]):
    """An event of a conversation, and what caused it."""

    depth = serializers.IntegerField(
        read_only=True, help_text="0 when a command caused it."
    )
    cause = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Position of the event that caused it.",
    )
    event = EventSerializer(read_only=True)


class ConversationSerializer(serializers.Serializer[Any]):
    """A business conversation: each cause before what it caused."""

    correlation_id = serializers.UUIDField(read_only=True)
    results = NodeSerializer(many=True, read_only=True, source="nodes")
    is_cut = serializers.BooleanField(
        read_only=True, help_text="Whether there are more events than 200."
    )
