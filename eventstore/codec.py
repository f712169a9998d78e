"""Stored names <-> event classes, payloads <-> JSON.

A type name is data (ADR-0006): renaming or moving a class never touches the log.
Payloads of older schema versions are lifted on reading (:mod:`eventstore.upcasting`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from eventstore import upcasting
from eventstore.errors import (
    EventTypeTakenError,
    UnknownTypeError,
    UnregisteredEventError,
)
from eventstore.events import RecordedEvent, UnknownEvent

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

    An older payload is lifted to the newest version first, one step a version.
    Never raises: an event that cannot be understood is still readable.
    """
    try:
        registered = _registered(name)
        newest = registered.schema_version
        lifted = upcasting.lift(name, data, from_version=schema_version, newest=newest)
        return msgspec.convert(lifted, registered.cls)
    # An upcaster may raise anything; one bad event must not hide its neighbours.
    except Exception as error:  # noqa: BLE001
        return UnknownEvent(type=name, data=data, problem=type(error).__name__)


def fields(event: RecordedEvent) -> Mapping[str, Any]:
    """Return the payload of *event* in its newest shape; as stored when unknown."""
    if isinstance(event.payload, UnknownEvent):
        return event.data
    return encode(event.payload)


@contextmanager
def temporary_types() -> Iterator[None]:
    """Forget, on leaving, every type and upcaster registered inside; for tests."""
    names, classes = dict(_by_name), dict(_by_class)
    try:
        with upcasting.temporary_upcasters():
            yield
    finally:
        _by_name.clear()
        _by_name.update(names)
        _by_class.clear()
        _by_class.update(classes)


def _registered(name: str) -> EventType:
    try:
        return _by_name[name]
    except KeyError:
        raise UnknownTypeError(name) from None
