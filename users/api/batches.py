"""Many commands in one body, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from users.api.schema import CommandProblemSerializer
from users.api.serializers import (
    ChangeEmailSerializer,
    ChangeNameSerializer,
    ChangeStatusSerializer,
    CreateUserSerializer,
    EraseUserSerializer,
    Identity,
    StrictSerializer,
)
from users.commands import UserCommand

MAX_COMMANDS = 1_000  # in one body


class CreateUserItemSerializer(CreateUserSerializer):
    """Make a person known."""

    command = serializers.ChoiceField(choices=["create_user"])


class ChangeNameItemSerializer(ChangeNameSerializer):
    """Call a person otherwise."""

    command = serializers.ChoiceField(choices=["change_name"])
    user_id = Identity()


class ChangeEmailItemSerializer(ChangeEmailSerializer):
    """Reach a person at another address."""

    command = serializers.ChoiceField(choices=["change_email"])
    user_id = Identity()


class ChangeStatusItemSerializer(ChangeStatusSerializer):
    """Let a person do more, or less."""

    command = serializers.ChoiceField(choices=["change_status"])
    user_id = Identity()


class EraseUserItemSerializer(EraseUserSerializer):
    """Make what is known of a person unreadable, for good; takes `users:erase`."""

    command = serializers.ChoiceField(choices=["erase_user"])
    user_id = Identity()


Item = (
    CreateUserItemSerializer
    | ChangeNameItemSerializer
    | ChangeEmailItemSerializer
    | ChangeStatusItemSerializer
    | EraseUserItemSerializer
)
ITEMS: dict[str, type[Item]] = {
    "create_user": CreateUserItemSerializer,
    "change_name": ChangeNameItemSerializer,
    "change_email": ChangeEmailItemSerializer,
    "change_status": ChangeStatusItemSerializer,
    "erase_user": EraseUserItemSerializer,
}


class ItemReader:
    """Reads the commands of one body; each serializer is made once."""

    def __init__(self) -> None:
        self._bodies = {name: serializer() for name, serializer in ITEMS.items()}

    def read(self, given: Any) -> tuple[UserCommand, int | None]:
        """Return the command and the version its client has seen.

        Raises:
            ValidationError: It has not the form of one.
        """
        body = self._body(given)
        known: Mapping[str, Any] = body.run_validation(given)
        if isinstance(body, CreateUserItemSerializer):
            return body.to_command(known), None
        command = body.to_command(known, known["user_id"])
        return command, known.get("expected_version")

    def _body(self, given: Any) -> Item:
        if not isinstance(given, dict):
            message = "Send an object."
            raise ValidationError(message)
        name = given.get("command")
        if not isinstance(name, str) or name not in self._bodies:
            advice = f"Use one of {', '.join(self._bodies)}."
            raise ValidationError({"command": advice})
        return self._bodies[name]


def user_of(given: Any) -> UUID | None:
    """Return whom an ill-formed command seems to be about, or None."""
    if not isinstance(given, dict):
        return None
    try:
        return UUID(str(given.get("user_id") or given.get("id")))
    except ValueError:
        return None


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="Command",
        serializers=dict(ITEMS),
        resource_type_field_name="command",
    )
)
class _Anything(serializers.Field[Any, Any, Any, Any]):
    """Checked later, one by one: a bad command does not spoil the others."""

    def run_validation(self, data: Any = None) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class BatchSerializer(StrictSerializer):
    """Many commands; those for one user in their order, all or none."""

    commands = serializers.ListField(
        child=_Anything(),
        min_length=1,
        max_length=MAX_COMMANDS,
        error_messages={
            "not_a_list": "Send a list of commands.",
            "min_length": "Send at least one command.",
            "max_length": f"Send at most {MAX_COMMANDS:,} commands at once.",
        },
    )


class ResultSerializer(serializers.Serializer[Any]):
    """What came of one command: as if it had been sent alone."""

    status = serializers.IntegerField(
        read_only=True, help_text="The status it would have had alone."
    )
    command_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="Null when it had not the form."
    )
    user_id = serializers.UUIDField(read_only=True, allow_null=True)
    stream = serializers.CharField(required=False)
    version = serializers.IntegerField(
        required=False, help_text="Where the user stands after all of its commands."
    )
    position = serializers.IntegerField(required=False)
    changed = serializers.BooleanField(required=False)
    problem = CommandProblemSerializer(required=False)


class BatchResultSerializer(serializers.Serializer[Any]):
    """What came of many commands, in their order."""

    recorded = serializers.IntegerField(read_only=True)
    unchanged = serializers.IntegerField(read_only=True)
    refused = serializers.IntegerField(read_only=True)
    results = ResultSerializer(many=True, read_only=True)
