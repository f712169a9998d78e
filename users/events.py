"""What became true about a person.  Stored for ever; renamed never."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop
from users.values import Status


@event_type(
    "UserCreated",
    sentence=gettext_noop("{who} created {name} with e-mail {email} via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class UserCreated:
    """A person became known to us, as an active user.

    Attributes:
        name: As written, trimmed, normal form C.
        email: As written, trimmed, normal form C.
    """

    name: str
    email: str


@event_type(
    "UserNameChanged",
    sentence=gettext_noop("{who} changed name from {old_name} to {new_name} via {via}"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class UserNameChanged:
    """The person is called otherwise from here on.

    Attributes:
        old_name: Name before.
        new_name: Name after.
    """

    old_name: str
    new_name: str


@event_type(
    "UserEmailChanged",
    sentence=gettext_noop(
        "{who} changed e-mail from {old_email} to {new_email} via {via}"
    ),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class UserEmailChanged:
    """The person is reached at another address from here on.

    Attributes:
        old_email: Address before.
        new_email: Address after.
    """

    old_email: str
    new_email: str


@event_type(
    "UserStatusChanged",
    sentence=gettext_noop(
        "{who} changed status from {old_status} to {new_status} via {via}"
    ),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class UserStatusChanged:
    """The person may do more, or less, from here on.

    A status is ``active``, ``suspended`` or ``deactivated``.  Every change is allowed
    but one: a deactivated user cannot become suspended.

    Attributes:
        old_status: Status before.
        new_status: Status after.
        reason: Why, in the words of whoever changed it; may be empty.
    """

    old_status: Status
    new_status: Status
    reason: str = ""


UserEvent = UserCreated | UserNameChanged | UserEmailChanged | UserStatusChanged
