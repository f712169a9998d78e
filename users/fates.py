"""What became of a command: recorded, visible, no effect, or refused (ADR-0022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from eventstore import checkpoints, conversations
from eventstore.events import RecordedEvent
from eventstore.snapshot_projection import SnapshotProjection
from eventstore.subscriptions import Projection, all_subscriptions
from users import unrecorded
from users.aggregate import USER
from users.models import UnrecordedCommand

STATUSES = ("recorded", "visible", "unchanged", "refused")
UUID_VERSION = 7  # whose first 48 bits are milliseconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """Where a command stands.

    Attributes:
        command: Its name; empty where its events do not say.
        status: One of :data:`STATUSES`.
        version: Of the stream after it, where that is known.
        position: Of its last event, or of the stream's where it changed nothing.
        accepted_at: As its id says, or else *decided_at*.
        decided_at: When its events were recorded, or it was refused.
        visible: Whether each read model shows it; empty when there is nothing to.
        problem: Why it was refused, without a value of the command.
        events: What it recorded, in order.
    """

    command_id: UUID
    command: str
    status: str
    stream: str
    version: int | None
    position: int | None
    accepted_at: datetime
    decided_at: datetime
    visible: Mapping[str, bool] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None
    events: tuple[RecordedEvent, ...] = ()


def of_user_command(command_id: UUID, *, actor: str) -> Fate | None:
    """Return what became of a command of *actor* to a user; None when nothing is known.

    Three queries at most.
    """
    events = [
        event
        for event in conversations.caused_by(command_id)
        if event.actor == actor and event.category == USER.category
    ]
    if events:
        return _recorded(command_id, events)
    note = unrecorded.find(command_id, actor=actor)
    return _unrecorded(note) if note else None


def of_command(command_id: UUID) -> Fate | None:
    """Return what became of anybody's command; None when nothing is known of it.

    Three queries at most.  The id of an event that caused others is no command's: the
    caller looks for that.
    """
    events = conversations.caused_by(command_id)
    if events:
        return _recorded(command_id, events)
    note = unrecorded.find(command_id)
    return _unrecorded(note) if note else None


def is_known(command_id: UUID) -> bool:
    """Return whether anything is known of a command.  Two queries at most."""
    events = conversations.caused_by(command_id)
    return bool(events) or unrecorded.find(command_id) is not None


def _recorded(command_id: UUID, events: list[RecordedEvent]) -> Fate:
    last = events[-1]
    models = [
        each.name
        for each in all_subscriptions()
        if isinstance(each, Projection) and not isinstance(each, SnapshotProjection)
    ]
    reached = checkpoints.reached_with(last.stream, models)
    visible = {name: at >= last.position for name, at in reached.items()}
    return Fate(
        command_id=command_id,
        command=last.metadata.get("command", ""),
        status="visible" if all(visible.values()) else "recorded",
        stream=last.stream,
        version=last.version,
        position=last.position,
        accepted_at=_accepted_at(command_id, last.recorded_at),
        decided_at=last.recorded_at,
        visible=visible,
        events=tuple(events),
    )


def _unrecorded(note: UnrecordedCommand) -> Fate:
    return Fate(
        command_id=note.command_id,
        command=note.command,
        status="refused" if note.problem else "unchanged",
        stream=USER.stream(note.user_id),
        version=note.version,
        position=note.position,
        accepted_at=_accepted_at(note.command_id, note.decided_at),
        decided_at=note.decided_at,
        problem=note.problem,
    )


def _accepted_at(command_id: UUID, otherwise: datetime) -> datetime:
    if command_id.version != UUID_VERSION:
        return otherwise
    return datetime.fromtimestamp((command_id.int >> 80) / 1000, tz=UTC)
