"""What became true about a person.  Stored for ever; renamed never."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop
from users.values import ErasureGround, Status


@event_type(
    "UserCreated",
    sentence=gettext_noop("{who} created {name} with e-mail {email} via {via}"),
    personal=("name", "email"),
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
    personal=("old_name", "new_name"),
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
    personal=("old_email", "new_email"),
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
    personal=("reason",),
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


@event_type(
    "UserErased",
    sentence=gettext_noop("{who} erased this person via {via}"),
    erases=True,
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class UserErased:
    """What we knew of the person can be read by nobody from here on.

    The key of the person is destroyed with it.  No words of one's own are kept: they
    might name the person, and could not be erased.

    Attributes:
        ground: Why, ``request``, ``retention`` or ``unlawful``.
    """

    ground: ErasureGround


UserEvent = (
    UserCreated | UserNameChanged | UserEmailChanged | UserStatusChanged | UserErased
)
