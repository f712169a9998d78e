"""What staff did to saved views; facts of the streams ``view-<id>``."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop

CATEGORY = "view"


@event_type(
    "ViewSaved",
    sentence=gettext_noop("{who} saved view {name} ({query}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSaved:
    """Somebody gave filters of the event browser a name, for themselves.

    Attributes:
        name: The name.
        query: The filters as a query string; people in it by stream, never by address.
        maker: Number of the account whose view it is.
    """

    name: str
    query: str
    maker: int


@event_type(
    "ViewShared",
    sentence=gettext_noop("{who} shared view {name} ({query}) with {role} via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ViewShared:
    """Somebody gave filters of the event browser a name, for all who have a role.

    Attributes:
        name: The name.
        query: As in :class:`ViewSaved`.
        maker: Number of the account that shares it.
        role: Name of the group at that moment.
        role_id: Number of the group.
    """

    name: str
    query: str
    maker: int
    role: str
    role_id: int


@event_type(
    "ViewDeleted",
    sentence=gettext_noop("{who} deleted view {name} via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDeleted:
    """The view is gone from here on.

    Attributes:
        name: Its name.
    """

    name: str


ViewEvent = ViewSaved | ViewShared | ViewDeleted
