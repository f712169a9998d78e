"""The only writer: load, decide, append; nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import transaction

from eventstore import circumstances, erasure, repository, store
from eventstore.approvals import granting
from eventstore.approvals.events import ERASURE
from eventstore.errors import ConcurrencyError
from eventstore.events import NO_STREAM, Metadata
from eventstore.repository import Loaded
from users import claims, owners
from users.aggregate import USER, User
from users.commands import CreateUser, UserCommand
from users.errors import (
    EmailSuppressedError,
    EmailTakenError,
    SecondPersonError,
    UserNotFoundError,
)
from users.events import UserErased, UserEvent
from users.owners import Change

# What a command finds that nobody has looked for: the append says whether it is so.
NOBODY: Loaded[User | None] = Loaded(state=USER.initial, version=NO_STREAM, last=None)


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
    overrides: bool = False,
) -> Outcome:
    """Carry out *command*.

    Atomic.  When somebody else changed the user meanwhile the decision is taken once
    more on the new state, unless the caller named a version.

    Args:
        command: What to do.
        metadata: By whom, through what, in which conversation; what the context says
            when left out.  The command's name and a new id are added.
        expected_version: Version the caller has seen; None for "whatever it is now".
        overrides: Whether whoever asks may change what another system owns.

    Raises:
        UserError: The command is refused; nothing was recorded.
        ConcurrencyError: The user is not at *expected_version*, or moved twice.
        NoCircumstancesError: Neither *metadata* nor the context says who is acting.
        UnreadableEventError: Newer code changed this user, unreadably for this code.
    """
    known = told(command, metadata)
    if is_new(command, expected_version):
        with suppress(ConcurrencyError, EmailSuppressedError, EmailTakenError):
            return _record(command, known, NOBODY)
        # Perhaps the user is there already: look, and say what is the matter.
    try:
        return _attempt(command, known, expected_version, overrides=overrides)
    except ConcurrencyError:
        if expected_version is not None:
            raise
    return _attempt(command, known, None, overrides=overrides)


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
            _attempt(command, told(command, metadata), None)
            for command, metadata in commands
        ]


def is_new(command: UserCommand, expected_version: int | None) -> bool:
    """Return whether *command* is for somebody who is not there, if all is well."""
    return isinstance(command, CreateUser) and expected_version is None


def told(command: UserCommand, metadata: Metadata | None) -> Metadata:
    """Return the circumstances of *command*: its name and id are added.

    Args:
        command: Which.
        metadata: What is known; None for what the context says.
    """
    known = metadata or circumstances.current()
    command_id = known.causation_id or uuid.uuid7()
    about = {"command": type(command).__name__, "command_id": str(command_id)}
    return replace(known, causation_id=command_id, extra={**about, **known.extra})


def decided(
    command: UserCommand, loaded: Loaded[User | None], expected_version: int | None
) -> Sequence[UserEvent]:
    """Return what *command* leads to on the state *loaded*.

    Raises:
        UserError: It is refused, or erases and waits for a second person.
        ConcurrencyError: The user is not at *expected_version*.
        UnreadableEventError: The state rests on an event this code cannot read.
    """
    if loaded.unreadable:
        repository.refuse_unreadable([loaded.unreadable])
    refuse_stale(command, loaded, expected_version)
    events = cast("Sequence[UserEvent]", USER.decide(loaded.state, command))
    if erases(events) and granting.is_wanted(ERASURE, USER.stream(command.user_id)):
        raise SecondPersonError
    return events


def refuse_stale(
    command: UserCommand, loaded: Loaded[User | None], expected_version: int | None
) -> None:
    """Go on only if the user is at *expected_version*, or any will do.

    Raises:
        UserNotFoundError: There is no such user to be at a version.
        ConcurrencyError: The user is at another one.
    """
    if expected_version is not None and expected_version != loaded.version:
        if loaded.version == NO_STREAM:
            raise UserNotFoundError(command.user_id)
        raise ConcurrencyError(
            USER.stream(command.user_id),
            expected=expected_version,
            actual=loaded.version,
        )


def erases(events: Iterable[UserEvent]) -> bool:
    """Say whether one of *events* erases the user."""
    return any(isinstance(event, UserErased) for event in events)


def _attempt(
    command: UserCommand,
    metadata: Metadata,
    expected_version: int | None,
    *,
    overrides: bool = False,
) -> Outcome:
    loaded = repository.load(USER, command.user_id)
    return _record(command, metadata, loaded, expected_version, overrides=overrides)


def _record(
    command: UserCommand,
    metadata: Metadata,
    loaded: Loaded[User | None],
    expected_version: int | None = None,
    *,
    overrides: bool = False,
) -> Outcome:
    stream = USER.stream(command.user_id)
    events = decided(command, loaded, expected_version)
    if not events:
        return Outcome(
            stream=stream,
            version=loaded.version,
            position=loaded.position,
            changed=False,
        )
    if not overrides:
        _refuse_owned(command.user_id, events, metadata.source)
    with transaction.atomic():
        claims.settle(stream, events, source=metadata.source)
        appended = store.append(
            stream, events, expected_version=loaded.version, metadata=metadata
        )
        if erases(events):
            erasure.forget(stream)
    return Outcome(
        stream=stream,
        version=appended.version,
        position=appended.position,
        changed=True,
    )


def _refuse_owned(user_id: UUID, events: Sequence[UserEvent], source: str) -> None:
    changes = [Change(user_id=user_id, event=each, source=source) for each in events]
    for error in owners.refusals(changes).values():
        raise error
