"""Events without what is personal, for readers who may not see it: one constant.

The constant says nothing: neither how long a value is, nor whether there is one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from eventstore import codec
from eventstore.events import RecordedEvent, UnknownEvent

MASK = "(masked)"
MASKED = "masked"  # the problem that a masked event has with being read
IN_METADATA = frozenset({"reason"})  # what staff may write of a person


def masked(values: Mapping[str, Any], personal: Collection[str]) -> dict[str, Any]:
    """Return *values* with the mask in the place of every *personal* one."""
    return {name: MASK if name in personal else value for name, value in values.items()}


def masked_event(event: RecordedEvent) -> RecordedEvent:
    """Return *event* without personal data, for sentences and readers alike.

    In a shape that this code does not know every field is taken for personal.
    """
    known = codec.type_named(event.type)
    fields = codec.fields(event)
    newest = masked(fields, known.personal if known else fields)
    is_newest = known is not None and known.schema_version == event.schema_version
    return msgspec.structs.replace(
        event,
        data=newest if is_newest else masked(event.data, event.data),
        metadata=masked(event.metadata, IN_METADATA),
        payload=UnknownEvent(type=event.type, data=newest, problem=MASKED),
    )


def person_of(event: RecordedEvent) -> str:
    """Return the stream of the person whom *event* tells of; its own when unknown."""
    known = codec.type_named(event.type)
    if known is None or isinstance(event.payload, UnknownEvent):
        return event.stream
    return known.subject_of(event.stream, event.payload)
