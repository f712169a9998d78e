"""What a fact is before and after it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

# Expected versions that are no exact number.
NO_STREAM = 0  # the stream does not exist yet
STREAM_EXISTS = -1  # it has at least one event
ANY = -2  # it may be anywhere

# What stands in a personal field once nobody can open it any more (ADR-0009).
ERASED = "[erased]"

# Sources: through what a change came in.
REST = "rest"
ADMIN = "admin"
SALESFORCE = "salesforce"
SYSTEM = "system"
INTAKE = "intake"  # an external system; the metadata says which


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Who, through what, and in which conversation a fact was recorded.

    Attributes:
        actor: ``staff:<username>``, ``client:<token name>``, ``integration:<name>``.
        source: One of the sources above.
        correlation_id: The business conversation.
        causation_id: The command or event that caused this one.
        occurred_at: Valid time, aware; None means "when recorded".
        extra: The rest (command id, request id, reason …); JSON of the profile in
            :mod:`eventstore.hashing`.
    """

    actor: str
    source: str
    correlation_id: UUID
    causation_id: UUID | None = None
    occurred_at: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent:
    """A stored event this version of the code cannot understand; readable all the same.

    Attributes:
        type: Stored name.
        data: Payload as stored; personal fields opened where that is possible.
        problem: Class of the error that stood in the way, or ``NoKeyInVault``; never a
            message, which may quote a person's data.
    """

    type: str
    data: Mapping[str, Any]
    problem: str = ""


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the log, with its place and circumstances.

    Attributes:
        position: Place in the whole log, 1-based, increasing, gaps allowed.
        stream: ``<category>-<id>``.
        version: 1-based place in the stream.
        type: Stored name; *schema_version* is an integer from 1.
        payload: The typed event, or :class:`UnknownEvent`.
        data: Payload in the shape it was stored in, personal fields opened.
        recorded_at: When it was written, by the server's clock, aware UTC.
        occurred_at: When it became true in the world, aware UTC.
        is_erased: Whether its personal fields are ``[erased]``.
    """

    position: int
    stream: str
    version: int
    event_id: UUID
    type: str
    schema_version: int
    payload: Any
    data: Mapping[str, Any]
    actor: str
    source: str
    correlation_id: UUID
    causation_id: UUID | None
    metadata: Mapping[str, Any]
    recorded_at: datetime
    occurred_at: datetime
    is_erased: bool = False

    @property
    def category(self) -> str:
        """The part of the stream name before the first dash."""
        return self.stream.partition("-")[0]

    @property
    def subject(self) -> str:
        """The part of the stream name after the first dash."""
        return self.stream.partition("-")[2]
