"""What a source says about a person -> commands; for the mappers of all sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import NAMESPACE_URL, UUID, uuid5

from eventstore import repository, store
from eventstore.intake.errors import MapperError, SubjectErasedError
from eventstore.intake.registry import Change
from users import services
from users.aggregate import USER, user_id_of
from users.commands import (
    ChangeEmail,
    ChangeName,
    ChangeStatus,
    CreateUser,
    UserCommand,
)
from users.errors import EmailSuppressedError, UserErasedError
from users.events import (
    UserCreated,
    UserEmailChanged,
    UserNameChanged,
    UserStatusChanged,
)
from users.values import SETTABLE_STATUSES, Status

NAME, EMAIL, STATUS = "name", "email", "status"
SETTERS: Mapping[str, tuple[type, ...]] = {
    NAME: (UserCreated, UserNameChanged),
    EMAIL: (UserCreated, UserEmailChanged),
    STATUS: (UserCreated, UserStatusChanged),
}


def stream_of(source: str, entity: str) -> str:
    """Return the stream of the user whom an entity becomes: always the same one."""
    name = f"intake:{source}:{entity}".encode(errors="backslashreplace").decode()
    return USER.stream(uuid5(NAMESPACE_URL, name))


def state_person(change: Change) -> None:
    """Make a person known, or change what *change* says is new about them.

    Facts are ``name``, ``email`` and ``status``.  When reprocessing, a field that
    somebody else set since is left alone.

    Raises:
        MapperError: A new person lacks a name or an address, or the status is none.
        SubjectErasedError: The person was erased, or the address was an erased
            person's.
        UserError: A command is refused.
    """
    user_id = user_id_of(change.subject)
    loaded = repository.load(USER, user_id)
    try:
        for command in _commands(user_id, change, is_known=loaded.state is not None):
            services.execute(command)
    except (EmailSuppressedError, UserErasedError) as error:
        raise SubjectErasedError from error


def _commands(
    user_id: UUID, change: Change, *, is_known: bool
) -> Iterator[UserCommand]:
    facts = change.facts
    wanted = _still_theirs(change) if is_known else set(facts) - {NAME, EMAIL}
    if not is_known:
        if NAME not in facts or EMAIL not in facts:
            code = "incomplete_person"
            raise MapperError(code)
        yield CreateUser(user_id=user_id, name=facts[NAME], email=facts[EMAIL])
    if NAME in wanted:
        yield ChangeName(user_id=user_id, name=facts[NAME])
    if EMAIL in wanted:
        yield ChangeEmail(user_id=user_id, email=facts[EMAIL])
    if STATUS in wanted:
        yield ChangeStatus(user_id=user_id, status=_status(facts[STATUS]))


def _status(text: str) -> Status:
    if text not in SETTABLE_STATUSES:
        code = "unknown_status"
        raise MapperError(code)
    return Status(text)


def _still_theirs(change: Change) -> set[str]:
    if not change.is_reprocessing:
        return set(change.changed)
    events = store.read_stream(change.subject)
    return {
        field
        for field in change.changed
        for setters in [[e for e in events if isinstance(e.payload, SETTERS[field])]]
        if setters and setters[-1].metadata.get("intake") == change.source
    }
