"""The only writer: load, decide, append; nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import uuid_utils.compat as uuid
from django.db import transaction

from eventstore import circumstances, erasure, repository, store
from eventstore.errors import ConcurrencyError
from eventstore.events import Metadata
from users import claims
from users.aggregate import USER
from users.commands import UserCommand
from users.events import UserErased, UserEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command led to; durable when this exists.

    Attributes:
        stream: The user's stream.
        version: Version of the stream now.
        position: Position of the stream's last event now.
        changed: False when the command changed nothing and nothing was recorded.
    """

    stream: str
    version: int
    position: int
    changed: bool


def execute(
    command: UserCommand,
    metadata: Metadata | None = None,
    *,
    expected_version: int | None = None,
) -> Outcome:
    """Carry out *command*.

    Atomic.  When somebody else changed the user meanwhile the decision is taken once
    more on the new state, unless the caller named a version.

    Args:
        command: What to do.
        metadata: By whom, through what, in which conversation; what the context says
            when left out.  The command's name and a new id are added.
        expected_version: Version the caller has seen; None for "whatever it is now".

    Raises:
        UserError: The command is refused; nothing was recorded.
        ConcurrencyError: The user is not at *expected_version*, or moved twice.
        NoCircumstancesError: Neither *metadata* nor the context says who is acting.
        UnreadableEventError: Newer code changed this user, unreadably for this code.
    """
    told = _told(command, metadata)
    try:
        return _attempt(command, told, expected_version)
    except ConcurrencyError:
        if expected_version is not None or transaction.get_connection().in_atomic_block:
            raise
    return _attempt(command, told, None)


def execute_all(
    commands: Sequence[tuple[UserCommand, Metadata]],
) -> list[Outcome]:
    """Carry out many commands in one transaction: all of them or none.

    Raises:
        UserError: One is refused; nothing was recorded.
        ConcurrencyError: Somebody else changed one of the users meanwhile.
    """
    with transaction.atomic():
        return [
            _attempt(command, _told(command, metadata), None)
            for command, metadata in commands
        ]


def _told(command: UserCommand, metadata: Metadata | None) -> Metadata:
    known = metadata or circumstances.current()
    command_id = known.causation_id or uuid.uuid7()
    about = {"command": type(command).__name__, "command_id": str(command_id)}
    return replace(known, causation_id=command_id, extra={**about, **known.extra})


def _attempt(
    command: UserCommand, metadata: Metadata, expected_version: int | None
) -> Outcome:
    loaded = repository.load(USER, command.user_id)
    if loaded.unreadable:
        repository.refuse_unreadable([loaded.unreadable])
    stream = USER.stream(command.user_id)
    if expected_version is not None and expected_version != loaded.version:
        raise ConcurrencyError(stream, expected=expected_version, actual=loaded.version)
    events = cast("Sequence[UserEvent]", USER.decide(loaded.state, command))
    if not events:
        return Outcome(
            stream=stream,
            version=loaded.version,
            position=loaded.position,
            changed=False,
        )
    with transaction.atomic():
        claims.settle(stream, events, source=metadata.source)
        appended = store.append(
            stream, events, expected_version=loaded.version, metadata=metadata
        )
        if any(isinstance(event, UserErased) for event in events):
            erasure.forget(stream)
    return Outcome(
        stream=stream,
        version=appended.version,
        position=appended.position,
        changed=True,
    )
