"""Systems outside may own attributes of users: then people here do not change them.

A source says what it owns and of whom; nothing here knows any source.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from eventstore.events import ADMIN, REST
from users.errors import OwnedElsewhereError
from users.events import (
    UserEmailChanged,
    UserEvent,
    UserNameChanged,
    UserStatusChanged,
)

BY_PEOPLE = frozenset({REST, ADMIN})  # sources of events; the others are systems
ATTRIBUTES: Mapping[type, str] = {
    UserNameChanged: "name",
    UserEmailChanged: "email",
    UserStatusChanged: "status",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A system that may own attributes of users.

    Attributes:
        name: As people call it.
        attributes: Returns what it owns now; asks the database nothing.
        among: Returns those of some users of whom it tells.  One query.
    """

    name: str
    attributes: Callable[[], Collection[str]]
    among: Callable[[Collection[UUID]], Collection[UUID]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a command is about to record.

    Attributes:
        source: Through what it came.
    """

    user_id: UUID
    event: UserEvent
    source: str


_owners: dict[str, Owner] = {}


def register(owner: Owner) -> None:
    """Have *owner* asked from now on; one of the same name is replaced."""
    _owners[owner.name] = owner


def refusals(changes: Sequence[Change]) -> dict[int, OwnedElsewhereError]:
    """Return the places of the changes that people may not make, each with the reason.

    One query an owner of anything that is changed by people; none where nobody is.
    """
    refused: dict[int, OwnedElsewhereError] = {}
    for owner in _owners.values():
        owned = owner.attributes()
        touched = {
            place: ATTRIBUTES[type(change.event)]
            for place, change in enumerate(changes)
            if change.source in BY_PEOPLE
            and ATTRIBUTES.get(type(change.event)) in owned
        }
        if not touched:
            continue
        theirs = owner.among({changes[place].user_id for place in touched})
        for place, attribute in touched.items():
            if changes[place].user_id in theirs:
                error = OwnedElsewhereError(owner=owner.name, attribute=attribute)
                refused.setdefault(place, error)
    return refused
