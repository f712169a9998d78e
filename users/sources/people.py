"""The mapper ``people``: records that say it the way we do.

``{"id": "17", "name": "Ada Byron", "email": "ada@example.com", "status": "active",
"changed_at": "2026-11-06T12:00:00Z"}``, or the same as the ``data`` of a CloudEvent.
All but ``id`` may be left out: what is not said does not change.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from eventstore.intake.errors import MapperError
from eventstore.intake.raw import CLOUD_EVENT
from eventstore.intake.registry import Mapper, Reading, Record
from users.sources.stating import EMAIL, NAME, STATUS, state_person, stream_of


def entity(record: Record) -> str:
    """Return the person's id in the source.

    Raises:
        MapperError: The record has none.
    """
    identity = _person(record).get("id")
    if not isinstance(identity, str) or not identity or not identity.isprintable():
        code = "no_id"
        raise MapperError(code)
    return identity


def read(record: Record) -> Reading:
    """Return what the record says about the person.

    Raises:
        MapperError: It is not of this form.
    """
    person = _person(record)
    facts = {name: person[name] for name in (NAME, EMAIL, STATUS) if name in person}
    if not all(isinstance(value, str) for value in facts.values()):
        code = "not_a_text"
        raise MapperError(code)
    return Reading(
        subject=stream_of(record.source, entity(record)),
        facts=facts,
        occurred_at=_instant(person.get("changed_at")) or _time(record),
    )


def _person(record: Record) -> dict[str, Any]:
    is_event = record.kind == CLOUD_EVENT
    value = record.cloud_event().data if is_event else record.json()
    if not isinstance(value, dict):
        code = "not_an_object"
        raise MapperError(code)
    return value


def _time(record: Record) -> datetime | None:
    return record.cloud_event().time if record.kind == CLOUD_EVENT else None


def _instant(told: Any) -> datetime | None:
    if told is None:
        return None
    try:
        value = parse_datetime(told)
    except (TypeError, ValueError):
        value = None
    if value is None or value.tzinfo is None:
        code = "bad_instant"
        raise MapperError(code)
    return value


PEOPLE = Mapper(name="people", version=1, entity=entity, read=read, apply=state_person)
