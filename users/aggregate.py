"""Every rule about a person: what a command leads to, what an event means.

Pure: no clock, no database, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from eventstore.aggregate import Aggregate
from eventstore.events import ERASED, UnknownEvent
from users import values
from users.commands import (
    ChangeEmail,
    ChangeName,
    ChangeStatus,
    CreateUser,
    EraseUser,
    UserCommand,
)
from users.errors import (
    StatusTransitionError,
    UserErasedError,
    UserExistsError,
    UserNotFoundError,
)
from users.events import (
    UserCreated,
    UserEmailChanged,
    UserErased,
    UserEvent,
    UserNameChanged,
    UserStatusChanged,
)
from users.values import Status

ALLOWED_TRANSITIONS = frozenset(
    {
        (Status.ACTIVE, Status.SUSPENDED),
        (Status.ACTIVE, Status.DEACTIVATED),
        (Status.SUSPENDED, Status.ACTIVE),
        (Status.SUSPENDED, Status.DEACTIVATED),
        (Status.DEACTIVATED, Status.ACTIVE),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """What the rules need to know of a person; not a read model."""

    name: str
    email: str
    status: Status


def decide(state: User | None, command: UserCommand) -> list[UserEvent]:
    """Return what *command* leads to; nothing when it changes nothing.

    Raises:
        UserError: The command is refused.
    """
    if state is not None and state.status is Status.ERASED:
        return _refuse_erased(command)
    if isinstance(command, CreateUser):
        return _create(state, command)
    if state is None:
        raise UserNotFoundError(command.user_id)
    match command:
        case ChangeName():
            return _change_name(state, command)
        case ChangeEmail():
            return _change_email(state, command)
        case ChangeStatus():
            return _change_status(state, command)
        case EraseUser():
            return [UserErased(ground=command.ground)]
        case _:
            assert_never(command)


def evolve(state: User | None, event: UserEvent | UnknownEvent) -> User | None:
    """Return the state after *event*; one this code does not know changes nothing."""
    if state is None:
        return _created(event) if isinstance(event, UserCreated) else None
    match event:
        case UserCreated():
            return _created(event)
        case UserErased():
            return replace(state, name=ERASED, email=ERASED, status=Status.ERASED)
        case UnknownEvent():
            return state
        case _:
            return _changed(state, event)


def _changed(
    state: User, event: UserNameChanged | UserEmailChanged | UserStatusChanged
) -> User:
    match event:
        case UserNameChanged():
            return replace(state, name=event.new_name)
        case UserEmailChanged():
            return replace(state, email=event.new_email)
        case UserStatusChanged():
            return replace(state, status=event.new_status)
        case _:
            assert_never(event)


def _created(event: UserCreated) -> User:
    return User(name=event.name, email=event.email, status=Status.ACTIVE)


def _refuse_erased(command: UserCommand) -> list[UserEvent]:
    if isinstance(command, EraseUser):
        return []
    raise UserErasedError(command.user_id)


def _create(state: User | None, command: CreateUser) -> list[UserEvent]:
    if state is not None:
        raise UserExistsError(command.user_id)
    return [
        UserCreated(
            name=values.person_name(command.name),
            email=values.email_address(command.email),
        )
    ]


def _change_name(state: User, command: ChangeName) -> list[UserEvent]:
    name = values.person_name(command.name)
    if name == state.name:
        return []
    return [UserNameChanged(old_name=state.name, new_name=name)]


def _change_email(state: User, command: ChangeEmail) -> list[UserEvent]:
    email = values.email_address(command.email)
    if email == state.email:
        return []
    return [UserEmailChanged(old_email=state.email, new_email=email)]


def _change_status(state: User, command: ChangeStatus) -> list[UserEvent]:
    why = values.reason(command.reason)
    if command.status == state.status:
        return []
    if (state.status, command.status) not in ALLOWED_TRANSITIONS:
        raise StatusTransitionError(
            command.user_id, old=state.status, new=command.status
        )
    return [
        UserStatusChanged(
            old_status=state.status, new_status=command.status, reason=why
        )
    ]


USER: Aggregate[User | None, UserCommand] = Aggregate(
    category="user",
    initial=None,
    decide=decide,
    evolve=evolve,
    state_type=User | None,
)


def user_id_of(stream: str) -> UUID:
    """Return whose stream *stream* is.

    Raises:
        ValueError: It is not the stream of a user.
    """
    category, _, identity = stream.partition("-")
    if category != USER.category:
        message = f"{stream} is not the stream of a user"
        raise ValueError(message)
    return UUID(identity)
