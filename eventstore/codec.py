"""Stored names <-> event classes, payloads <-> JSON.

A type name is data (ADR-0006): renaming or moving a class never touches the log.
Payloads of older schema versions are lifted on reading (:mod:`eventstore.upcasting`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

import msgspec

from eventstore import upcasting
from eventstore.errors import (
    EventTypeTakenError,
    PersonalFieldError,
    UnknownTypeError,
    UnregisteredEventError,
)
from eventstore.events import ERASED, RecordedEvent, UnknownEvent

SEALED = "sealed"  # where a stored payload has its sealed part; no field is called so

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
        personal: Fields that tell of a person; sealed in the log (ADR-0009).
        subject: Field that names the person's stream; empty when it is the event's own.
        erases: Whether this event destroys the key of its stream's subject.
        is_operators: Whether it tells what an operator did: the audit shows it.
    """

    name: str
    schema_version: int
    sentence: str
    cls: type
    personal: tuple[str, ...] = ()
    subject: str = ""
    erases: bool = False
    is_operators: bool = False

    def subject_of(self, stream: str, event: object) -> str:
        """Return the stream of the person whom *event*, in *stream*, tells of."""
        return str(getattr(event, self.subject)) if self.subject else stream


_by_name: dict[str, EventType] = {}
_by_class: dict[type, EventType] = {}


def gettext_noop(message: str) -> str:
    """Mark *message* for translation without translating it; needs no Django."""
    return message


def event_type(  # noqa: PLR0913 - one a property of the type
    name: str,
    *,
    sentence: str,
    schema_version: int = 1,
    personal: tuple[str, ...] = (),
    subject: str = "",
    erases: bool = False,
    is_operators: bool = False,
) -> Callable[[EventClass], EventClass]:
    """Register an event class under the name it is stored by.

    Args:
        name: See :class:`EventType`, as for the others.
        sentence: What staff read.
        schema_version: Newest shape of the payload.
        personal: Fields to seal; each must be a ``str``, since one that was erased
            reads ``[erased]``.
        subject: Field that names whose they are.
        erases: Whether appending it destroys the subject's key.
        is_operators: Whether the audit shows it.

    Raises:
        EventTypeTakenError: Another class has the name.
        PersonalFieldError: A personal field is missing or no text, or a field has the
            reserved name ``sealed``.
    """

    def register(cls: EventClass) -> EventClass:
        if name in _by_name:
            raise EventTypeTakenError(name, _by_name[name].cls)
        _check_personal(cls, personal)
        registered = EventType(
            name=name,
            schema_version=schema_version,
            sentence=sentence,
            cls=cls,
            personal=personal,
            subject=subject,
            erases=erases,
            is_operators=is_operators,
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


def tells_of_somebody(name: str, data: Mapping[str, Any]) -> bool:
    """Say whether a stored payload tells of a person in clear."""
    known = _by_name.get(name)
    personal = known.personal if known else ()
    return any(data.get(field, ERASED) != ERASED for field in personal)


def personal_types() -> list[str]:
    """Return the names of the types that have personal fields, sorted."""
    return sorted(name for name, known in _by_name.items() if known.personal)


def operators_types() -> list[str]:
    """Return the names of the types that the audit shows, sorted."""
    return sorted(name for name, known in _by_name.items() if known.is_operators)


def impersonal_fields() -> frozenset[str]:
    """Return names of values that no type calls personal, less ``old_`` and ``new_``.

    What is not among them may tell of a person.
    """
    personal: set[str] = set()
    others: set[str] = set()
    for known in _by_name.values():
        for name in get_type_hints(known.cls):
            bare = name.removeprefix("old_").removeprefix("new_")
            (personal if name in known.personal else others).add(bare)
    return frozenset(others - personal)


def erasing_types() -> list[str]:
    """Return the names of the types whose events destroy a key, sorted."""
    return sorted(name for name, known in _by_name.items() if known.erases)


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


def _check_personal(cls: type, personal: tuple[str, ...]) -> None:
    hints = get_type_hints(cls)
    if SEALED in hints:
        raise PersonalFieldError(cls, SEALED, "has a name that sealing needs")
    for field in personal:
        if hints.get(field) is not str:
            raise PersonalFieldError(cls, field, "is personal, so it must be a str")


def _registered(name: str) -> EventType:
    try:
        return _by_name[name]
    except KeyError:
        raise UnknownTypeError(name) from None
