"""Stored names <-> event classes, payloads <-> JSON.

A type name is data (ADR-0006): renaming or moving a class never touches the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from eventstore.errors import EventTypeTakenError, UnregisteredEventError
from eventstore.events import UnknownEvent

EventClass = TypeVar("EventClass", bound=type)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """How one event class is stored and told.

    Attributes:
        name: Stored name, for ever.
        schema_version: Newest shape of the payload, from 1.
        sentence: Message id of the sentence staff read; placeholders are ``{who}``,
            ``{via}`` and the payload's fields.
        cls: The class.
    """

    name: str
    schema_version: int
    sentence: str
    cls: type


_by_name: dict[str, EventType] = {}
_by_class: dict[type, EventType] = {}


def gettext_noop(message: str) -> str:
    """Mark *message* for translation without translating it; needs no Django."""
    return message


def event_type(
    name: str, *, sentence: str, schema_version: int = 1
) -> Callable[[EventClass], EventClass]:
    """Register an event class under the name it is stored by.

    Raises:
        EventTypeTakenError: Another class has the name.
    """

    def register(cls: EventClass) -> EventClass:
        if name in _by_name:
            raise EventTypeTakenError(name, _by_name[name].cls)
        registered = EventType(
            name=name, schema_version=schema_version, sentence=sentence, cls=cls
        )
        _by_name[name] = _by_class[cls] = registered
        return cls

    return register


def type_of(event: object) -> EventType:
    """Return the registered type of an event.

    Raises:
        UnregisteredEventError: Its class has no ``@event_type``.
    """
    try:
        return _by_class[type(event)]
    except KeyError:
        raise UnregisteredEventError(type(event)) from None


def type_named(name: str) -> EventType | None:
    """Return the type stored as *name*, or None when this code has no class for it."""
    return _by_name.get(name)


def type_names() -> list[str]:
    """Return every registered name, sorted."""
    return sorted(_by_name)


def encode(event: object) -> dict[str, Any]:
    """Return the payload of *event* as JSON values."""
    payload: dict[str, Any] = msgspec.to_builtins(event)
    return payload


def decode(name: str, schema_version: int, data: Mapping[str, Any]) -> Any:
    """Return the typed event, or an :class:`UnknownEvent` when the code has no fit.

    Never raises: an event that cannot be understood is still readable.
    """
    registered = _by_name.get(name)
    if registered is None or registered.schema_version != schema_version:
        return UnknownEvent(type=name, data=data)
    try:
        return msgspec.convert(data, registered.cls)
    except msgspec.ValidationError:
        return UnknownEvent(type=name, data=data)
