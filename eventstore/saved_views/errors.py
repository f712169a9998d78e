"""Why a view was not saved or deleted; the message is for whoever asked for it."""

from __future__ import annotations

from eventstore.errors import EventStoreError
from eventstore.wording import worded


class SavedViewError(EventStoreError):
    """Something about a saved view was refused."""


class ViewNameTakenError(SavedViewError):
    """Whoever the view is for has one of this name."""

    def __init__(self, name: str, role: str) -> None:
        self.name = name
        self.role = role
        super().__init__(
            worded("{role} has a view of this name already.", role=role)
            if role
            else worded("You have a view of this name already.")
        )


class TooManyViewsError(SavedViewError):
    """Whoever the view is for has as many as there may be."""

    def __init__(self, most: int, role: str) -> None:
        self.most = most
        self.role = role
        super().__init__(
            worded(
                "{role} has {most} views already; delete one first.",
                role=role,
                most=most,
            )
            if role
            else worded("You have {most} views already; delete one first.", most=most)
        )


class ViewGoneError(SavedViewError):
    """There is no such view, or it is somebody's own."""

    def __init__(self) -> None:
        super().__init__(worded("There is no such view; it may be deleted already."))


class ViewNotYoursError(SavedViewError):
    """A shared view is deleted by its maker or a superuser alone."""

    def __init__(self) -> None:
        super().__init__(
            worded("Only whoever shared a view may delete it, or a superuser.")
        )
