"""Personal data, for clients that may not see it: one constant in its place.

The constant says nothing: neither how long the value is, nor whether there is one.
Whoever hands a serializer no context is taken for a client that may not see.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from eventstore import codec
from eventstore.events import RecordedEvent, UnknownEvent
from users.api.permissions import demand, may
from users.scopes import Scope

MASK = "(masked)"
PERSONAL = frozenset({"name", "email", "reason"})  # of a user, and of metadata


def masked(values: Mapping[str, Any], personal: Collection[str]) -> dict[str, Any]:
    """Return *values* with the mask in the place of every *personal* one."""
    return {name: MASK if name in personal else value for name, value in values.items()}


def masked_event(event: RecordedEvent) -> RecordedEvent:
    """Return *event* without personal data, for sentences and serializers alike.

    In a shape that this code does not know every field is taken for personal.
    """
    known = codec.type_named(event.type)
    newest = codec.fields(event)
    hides: Collection[str] = known.personal if known else newest
    is_newest = known is not None and known.schema_version == event.schema_version
    newest = masked(newest, hides)
    return replace(
        event,
        data=newest if is_newest else masked(event.data, event.data),
        metadata=masked(event.metadata, PERSONAL),
        payload=UnknownEvent(type=event.type, data=newest, problem="masked"),
    )


def context(request: Request) -> dict[str, bool]:
    """Return what serializers need to know of the client."""
    return {"sees_personal": may(request, Scope.PERSONAL_READ)}


def refuse_search(request: Request, *names: str) -> None:
    """Refuse to search in what the client may not see: hits would tell it.

    Raises:
        MissingScopeError: The client searches by one of the parameters *names*.
    """
    if any(name in request.query_params for name in names):
        searched = " and ".join(f"`{name}`" for name in names)
        demand(request, Scope.PERSONAL_READ, f"{searched} search personal data.")


class MaskedSerializer(serializers.Serializer[Any]):
    """Masks the fields of people that the client may not see, and says so."""

    personal: Collection[str] = PERSONAL
    masked = serializers.BooleanField(
        required=False,
        help_text="True when personal data is masked: the token lacks"
        " `personal:read`. Not there otherwise.",
    )

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Return the fields."""
        shown: dict[str, Any] = super().to_representation(instance)
        if self.context.get("sees_personal"):
            return shown
        return masked(shown, self.personal) | {"masked": True}


class MaskedEventSerializer(MaskedSerializer):
    """Masks inside the payload and the metadata of an event."""

    personal = ()

    def to_representation(self, instance: RecordedEvent) -> dict[str, Any]:
        """Return the fields."""
        if self.context.get("sees_personal"):
            return super().to_representation(instance)
        return super().to_representation(masked_event(instance))
