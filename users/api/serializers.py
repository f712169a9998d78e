"""Bodies -> commands: shape and format only; the rules are in the aggregate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import uuid_utils.compat as uuid
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from users.commands import (
    ChangeEmail,
    ChangeName,
    ChangeStatus,
    CreateUser,
    EraseUser,
)
from users.values import (
    EMAIL_LENGTH,
    NAME_LENGTH,
    REASON_LENGTH,
    SETTABLE_STATUSES,
    ErasureGround,
    Status,
)

RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
GROUNDS = [ground.value for ground in ErasureGround]
# Characters of the basic plane that no text may hold, but for those that Unicode has
# not assigned, which are many and grow fewer; one that it may; and those of a name that
# show nothing (``users.values``).
UNSEEN = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    r"\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufdd0-\ufdef\ufeff"
    r"\ufff9-\ufffb\ufffe\uffff"
)
SOUND = rf"[^{UNSEEN}]"
BLANK = (
    r"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u200c\u200d\u2800\u3164"
    r"\ufe00-\ufe0f\uffa0"
)
STATUSES = [status.value for status in SETTABLE_STATUSES]


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know instead of dropping them."""

    default_error_messages: ClassVar = {"invalid": "Send a JSON object."}

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Take null for what it is, no object; DRF takes it for no body."""
        if data is None:
            message = self.error_messages["invalid"]
            raise serializers.ValidationError({"non_field_errors": [message]})
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated fields."""
        if isinstance(data, dict):
            unknown = {
                field: ["This field is not known here."]
                for field in data
                if field not in self.fields
            }
            if unknown:
                raise serializers.ValidationError(unknown, code="unknown_field")
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string, not what could be made one."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def _shape(longest: int, pattern: str, **more: Any) -> Any:
    """Describe a text: what JSON Schema can say of the rules in ``users.values``."""
    shape = {"type": "string", "maxLength": longest, "pattern": pattern, **more}
    return extend_schema_field(shape)


@_shape(NAME_LENGTH, rf"^{SOUND}*[^\s{UNSEEN}{BLANK}]{SOUND}*$", minLength=1)
class Name(Text):
    """A person's name."""


@_shape(EMAIL_LENGTH, rf"^{SOUND}+$", format="email", minLength=3)
class Address(Text):
    """An e-mail address."""


@_shape(REASON_LENGTH, rf"^{SOUND}*$")
class Reason(Text):
    """Why; may be empty."""


@_shape(REASON_LENGTH, rf"^{SOUND}*[^\s{UNSEEN}]{SOUND}*$", minLength=1)
class NeededReason(Text):
    """Why somebody does what cannot go unexplained."""


@_shape(18, r"^[A-Za-z0-9]{15}([A-Za-z0-5]{3})?$", minLength=15)
class RecordId(Text):
    """The id of a record in Salesforce."""


@extend_schema_field({"type": "string", "format": "date-time"})
class Instant(Text):
    """An instant with its offset, as RFC 3339 writes it."""

    default_error_messages: ClassVar = {
        "no_instant": "Use an instant with an offset, such as 2026-11-06T15:00:00Z."
    }

    def to_internal_value(self, data: Any) -> Any:
        """Return the instant, aware, in UTC."""
        text = super().to_internal_value(data)
        try:
            value = datetime.fromisoformat(text) if RFC_3339.fullmatch(text) else None
            return value.astimezone(UTC) if value else self.fail("no_instant")
        except (ValueError, OverflowError):
            self.fail("no_instant")


class YesOrNo(serializers.BooleanField):
    """A JSON truth value, not what could be made one."""

    def to_internal_value(self, data: Any) -> bool:
        """Return it."""
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class WholeNumber(serializers.IntegerField):
    """A JSON number without a fraction, not what could be made one."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number; 2.0 is one to JSON Schema."""
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Identity(serializers.UUIDField):
    """A UUID written as a JSON string."""

    def to_internal_value(self, data: Any) -> UUID:
        """Return the UUID."""
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        identity: UUID = super().to_internal_value(data)
        return identity


class CommandSerializer(StrictSerializer):
    """The body of one command; whose, the URL says."""

    expected_version = WholeNumber(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        help_text="Refuse with 409 unless the user is at this version; `If-Match` is"
        " the same as a header, and answers 412.",
    )


class CreateUserSerializer(StrictSerializer):
    """Make a person known."""

    id = Identity(
        required=False, help_text="Chosen by the client, or by Annals when left out."
    )
    name = Name(max_length=NAME_LENGTH)
    email = Address(max_length=EMAIL_LENGTH)

    def to_command(self, body: Mapping[str, Any]) -> CreateUser:
        """Return the command of a validated body."""
        return CreateUser(
            user_id=body.get("id") or uuid.uuid7(),
            name=body["name"],
            email=body["email"],
        )


class ChangeNameSerializer(CommandSerializer):
    """Call a person otherwise."""

    name = Name(max_length=NAME_LENGTH)

    def to_command(self, body: Mapping[str, Any], user_id: UUID) -> ChangeName:
        """Return the command of a validated body."""
        return ChangeName(user_id=user_id, name=body["name"])


class ChangeEmailSerializer(CommandSerializer):
    """Reach a person at another address."""

    email = Address(max_length=EMAIL_LENGTH)

    def to_command(self, body: Mapping[str, Any], user_id: UUID) -> ChangeEmail:
        """Return the command of a validated body."""
        return ChangeEmail(user_id=user_id, email=body["email"])


class ChangeStatusSerializer(CommandSerializer):
    """Let a person do more, or less."""

    status = serializers.ChoiceField(
        choices=STATUSES,
        error_messages={"invalid_choice": f"Use one of {', '.join(STATUSES)}."},
    )
    reason = Reason(
        max_length=REASON_LENGTH, required=False, allow_blank=True, default=""
    )

    def to_command(self, body: Mapping[str, Any], user_id: UUID) -> ChangeStatus:
        """Return the command of a validated body."""
        return ChangeStatus(
            user_id=user_id, status=Status(body["status"]), reason=body["reason"]
        )


class EraseUserSerializer(CommandSerializer):
    """Make what is known of a person unreadable, for good."""

    ground = serializers.ChoiceField(
        choices=GROUNDS,
        error_messages={"invalid_choice": f"Use one of {', '.join(GROUNDS)}."},
    )

    def to_command(self, body: Mapping[str, Any], user_id: UUID) -> EraseUser:
        """Return the command of a validated body."""
        return EraseUser(user_id=user_id, ground=ErasureGround(body["ground"]))


# The bodies of the commands on a user who exists; each makes its own command.
ChangeSerializer = (
    ChangeNameSerializer
    | ChangeEmailSerializer
    | ChangeStatusSerializer
    | EraseUserSerializer
)


class OutcomeSerializer(serializers.Serializer[Any]):
    """Where a command's events came to stand; durable when this is read."""

    command_id = serializers.UUIDField(read_only=True)
    user_id = serializers.UUIDField(read_only=True)
    stream = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    changed = serializers.BooleanField(
        read_only=True, help_text="False when the command changed nothing (answer 200)."
    )
