"""Mappers: how the records of a source become facts, and facts become commands.

The intake calls ``entity`` and ``read``, compares what they say with what the source
said last, and hands ``apply`` the difference.  So a mapper decides nothing about order,
repeats or retries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from eventstore.events import INTAKE
from eventstore.intake import change_events, cloudevents, outbound, strict
from eventstore.intake.change_events import ChangeEvent
from eventstore.intake.cloudevents import CloudEvent
from eventstore.intake.errors import UnknownMapperError
from eventstore.intake.models import RawRecord
from eventstore.intake.outbound import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record, as a mapper sees it.

    Attributes:
        kind: ``webhook``, ``cloudevent``, ``change_event``, ``outbound`` or ``record``.
        body: As received, or cut out of a batch.
        headers: Those that were kept, names in lower case.  The signature does not
            cover them.
    """

    source: str
    kind: str
    record_id: UUID
    body: bytes
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    received_at: datetime | None = None

    def json(self) -> Any:
        """Return the body's value.

        Raises:
            MapperError: It is no JSON that two readers would read alike.
        """
        return strict.parsed(self.body)

    def cloud_event(self) -> CloudEvent:
        """Return the CloudEvent that the record is.

        Raises:
            MapperError: It is none.
        """
        return cloudevents.read(self.headers, self.body)

    def change(self) -> ChangeEvent:
        """Return the change of one record of Salesforce that the record tells of.

        Raises:
            MapperError: It tells of none.
        """
        return change_events.read(self.body)

    def notification(self) -> Notification:
        """Return the notification of Salesforce that the record is.

        Raises:
            MapperError: It is none.
        """
        return outbound.read(self.body).notifications[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a record says about one entity.

    Attributes:
        subject: Stream of the person it tells of.
        facts: By name; what the record does not say is left out.
        occurred_at: When it became true at the source, aware; None if it does not say.
    """

    subject: str
    facts: Mapping[str, str]
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a source says now and did not say before.

    Attributes:
        facts: All that the record, or all records together when reprocessing, say.
        changed: Names of those that are new; never empty.
        is_reprocessing: Whether it is said by a repaired mapper about old records:
            what somebody else changed meanwhile is to be left alone.
    """

    source: str
    entity: str
    subject: str
    facts: Mapping[str, str]
    changed: frozenset[str]
    is_reprocessing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """Understands the records of a kind of source.

    Attributes:
        name: Named in ``INGEST_SOURCES`` and in the metadata of events.
        version: From 1, raised with every repair.
        entity: Returns which thing of the source a record is about, an id and no
            personal data; empty when the record is of no interest.
        read: Returns what it says; None when it is of no interest.  Pure.
        apply: Carries out commands; must be right to call it again.
        via: Source of the events, for the event browser.
    """

    name: str
    version: int
    entity: Callable[[Record], str]
    read: Callable[[Record], Reading | None]
    apply: Callable[[Change], None]
    via: str = INTAKE


def mappers() -> Sequence[Mapper]:
    """Return every mapper listed in ``config/intake.py``."""
    listed: Sequence[Mapper] = import_string(settings.INTAKE_MAPPERS)
    return listed


def mapper(name: str) -> Mapper:
    """Return the mapper called *name*.

    Raises:
        UnknownMapperError: None is.
    """
    for each in mappers():
        if each.name == name:
            return each
    raise UnknownMapperError(name)


def seen(record: RawRecord, body: bytes) -> Record:
    """Return a kept record as a mapper sees it."""
    return Record(
        source=record.source,
        kind=record.kind,
        record_id=record.record_id,
        body=body,
        content_type=record.content_type,
        headers=record.headers,
        received_at=record.received_at,
    )
