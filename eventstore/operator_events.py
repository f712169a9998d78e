"""What staff did to accounts, roles and schedules, and whom they looked at.

Facts of their own streams: ``staff-<id>``, ``role-<id>``, ``schedule-<kind>-<id>``,
``reveal-<id>``, ``integrity-log``.  Of staff themselves the log keeps the log-in name
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from eventstore.codec import event_type, gettext_noop

# What happened to an account, a role or a schedule.
ADDED = "added"
CHANGED = "changed"
DELETED = "deleted"
PASSWORD = "password changed"
STARTED = "started by hand"


@event_type(
    "PersonalDataViewed",
    sentence=gettext_noop("{who} had the data of {subject} shown via {via}"),
    personal=("reason",),
    subject="subject",
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataViewed:
    """Somebody who sees people masked saw one person plainly.

    Attributes:
        subject: Stream of the person.
        until: When it was masked again, at the latest.
        reason: Why, in the words of whoever looked.
    """

    subject: str
    until: datetime
    reason: str


@event_type(
    "LogVerified",
    sentence=gettext_noop("{who} verified the log from #{first} to #{last} via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class LogVerified:
    """Somebody had every event of a stretch compared with its leaf.

    Attributes:
        first: First position asked for.
        last: Last position verified.
        events: Events verified, the differing one included.
        differs_at: Position of the first that is not what was appended; None where all
            are.
    """

    first: int
    last: int
    events: int
    differs_at: int | None


@event_type(
    "StaffLoggedIn",
    sentence=gettext_noop("{account} logged in to the {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class StaffLoggedIn:
    """A member of staff began a session.

    Attributes:
        account: Their log-in name.
    """

    account: str


@event_type(
    "StaffLoggedOut",
    sentence=gettext_noop("{account} logged out of the {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class StaffLoggedOut:
    """A member of staff ended a session.

    Attributes:
        account: Their log-in name.
    """

    account: str


@event_type(
    "StaffLockedOut",
    sentence=gettext_noop("Too many log-ins as {account} failed, via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class StaffLockedOut:
    """So many log-ins failed that no more are tried for a while; once a lock.

    Attributes:
        account: The log-in name; empty when there is no such account, as what was
            typed may be anything.
        seconds: How long the lock holds.
    """

    account: str
    seconds: int


@event_type(
    "StaffFactorChanged",
    sentence=gettext_noop(
        "{who} changed the second factor of {account} ({factor}: {change}) via {via}"
    ),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class StaffFactorChanged:
    """What somebody shows beside their password is another from here on.

    Attributes:
        account: Their log-in name.
        factor: The kind of factor; no secret and no name of a device.
        change: ``added``, ``removed``, ``made anew`` or ``spent``.
    """

    account: str
    factor: str
    change: str


@event_type(
    "StaffAccountChanged",
    sentence=gettext_noop("{who} changed staff account {account} ({change}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAccountChanged:
    """An account of staff is another one from here on.

    Attributes:
        account: Its log-in name.
        change: ``added``, ``changed``, ``deleted`` or ``password changed``.
        old: Values that differ, before; what tells of a person is not kept.
        new: The same, after.
        reason: Why, in the words of whoever did it; may be empty.
    """

    account: str
    change: str
    old: dict[str, str]
    new: dict[str, str]
    reason: str = ""


@event_type(
    "RoleChanged",
    sentence=gettext_noop("{who} changed role {role} ({change}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanged:
    """A group of staff may do something else from here on.

    Attributes:
        role: Name of the group.
        change: ``added``, ``changed`` or ``deleted``.
        old: Values that differ, before.
        new: The same, after.
        reason: Why, in the words of whoever did it; may be empty.
    """

    role: str
    change: str
    old: dict[str, str]
    new: dict[str, str]
    reason: str = ""


@event_type(
    "ScheduleChanged",
    sentence=gettext_noop("{who} changed schedule {schedule} ({change}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleChanged:
    """What runs by itself, or when, is another from here on.

    Attributes:
        schedule: Name of the task, or the rhythm.
        change: ``added``, ``changed``, ``deleted`` or ``started by hand``.
        old: Values that differ, before.
        new: The same, after.
        reason: Why, in the words of whoever did it; may be empty.
    """

    schedule: str
    change: str
    old: dict[str, str]
    new: dict[str, str]
    reason: str = ""
