"""Personal data, for clients that may not see it.

Whoever hands a serializer no context is taken for a client that may not see.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from eventstore.events import RecordedEvent
from eventstore.masking import masked, masked_event
from users.api.permissions import demand, may
from users.scopes import Scope

PERSONAL = frozenset({"name", "email"})  # of a user


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
