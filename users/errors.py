"""Why a command was refused; the facts are attributes."""

from __future__ import annotations

from uuid import UUID

from eventstore.wording import worded


class UserError(Exception):
    """A command was refused."""


class UserNotFoundError(UserError):
    """There is no such user."""

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        super().__init__(worded("There is no user {user_id}.", user_id=user_id))


class UserExistsError(UserError):
    """A user with this id exists already."""

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        super().__init__(worded("User {user_id} exists already.", user_id=user_id))


class UserErasedError(UserError):
    """The person was erased; nothing about them changes any more."""

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        super().__init__(
            worded("User {user_id} was erased, for good.", user_id=user_id)
        )


class SecondPersonError(UserError):
    """A second person must approve it, and none did."""

    def __init__(self) -> None:
        super().__init__(
            worded(
                "Nothing was recorded: a second person must approve an erasure. Ask for"
                " it in the back office, on the page of the user, under “Erase…”."
            )
        )


class EmailSuppressedError(UserError):
    """The address was an erased person's, and a source that acts by itself has it."""

    def __init__(self) -> None:
        super().__init__(
            worded("This e-mail address was erased; only people may add it anew.")
        )


class EmailTakenError(UserError):
    """Another living user holds this address; never says who."""

    def __init__(self) -> None:
        super().__init__(worded("Another user holds this e-mail address."))


class StatusTransitionError(UserError):
    """The status may not change this way."""

    def __init__(self, user_id: UUID, *, old: str, new: str) -> None:
        self.user_id = user_id
        self.old = old
        self.new = new
        super().__init__(
            worded("A user who is {old} cannot become {new}.", old=old, new=new)
        )


class OwnedElsewhereError(UserError):
    """Another system owns an attribute of the user.

    Attributes:
        owner: The system, as people call it.
        attribute: ``name``, ``email`` or ``status``.
    """

    def __init__(self, *, owner: str, attribute: str) -> None:
        self.owner = owner
        self.attribute = attribute
        super().__init__(
            worded(
                "{owner} owns the {attribute} of this user: change it there, or ask "
                "somebody on the staff with the permission override_owner.",
                owner=owner,
                attribute=attribute,
            )
        )


class TokenNotFoundError(UserError):
    """There is no such API token."""

    def __init__(self) -> None:
        super().__init__(worded("There is no such API token."))


class TokenNameTakenError(UserError):
    """A token of this name is not revoked yet."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            worded("A token of this name is in use: revoke it, or choose another name.")
        )


class CompanionRefusedError(UserError):
    """A command was left undone because another one for the same user was refused."""

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        super().__init__(
            f"Another command for user {user_id} was refused: none of them was "
            "carried out."
        )


class KeyReusedError(Exception):
    """An idempotency key came again with another request."""

    def __init__(self) -> None:
        super().__init__("This key came before, with another request: use a new one.")


class RequestInProgressError(Exception):
    """The first request with an idempotency key is still under way."""

    def __init__(self) -> None:
        super().__init__("The first request with this key is under way: ask again.")


class InvalidValueError(UserError):
    """A value of a command is not acceptable.

    Attributes:
        field: The command's field, for example ``name`` or ``email``.
        reason: What to do about it, as a sentence.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")
