"""A record beside the user it tells of: what to do about each attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from eventstore import store
from eventstore.events import SALESFORCE, RecordedEvent
from eventstore.repository import Loaded
from users.aggregate import USER, User
from users.commands import CreateUser, UserCommand
from users.events import (
    UserCreated,
    UserEmailChanged,
    UserNameChanged,
    UserStatusChanged,
)
from users.models import SalesforceLink
from users.sources.salesforce import links, translate
from users.sources.salesforce.options import Options
from users.sources.salesforce.ownership import (
    Facts,
    OnDelete,
    Owner,
    Verdict,
    judge,
)
from users.sources.salesforce.translate import (
    ATTRIBUTES,
    EMAIL,
    NAME,
    STATUS,
    Observed,
)
from users.values import Status

# Kinds of conflicts.
DIFFERS = "differs"
DUPLICATE_EMAIL = "duplicate_email"
NOT_ALLOWED = "not_allowed"

# How a record is matched with a user who was known before.
BY_EMAIL = "email"
BY_ID = "external_id"

# Why a record cannot be used, beside what makes no sense in itself.
NOT_OBSERVED = "not_observed"
BAD_ID = "bad_external_id"
UNKNOWN_ID = "unknown_external_id"
TAKEN_ID = "taken_external_id"

BY_SALESFORCE = "salesforce_"  # how the reasons of our own deactivations begin
BY_STATUS = "salesforce_status"
RESTORED = "salesforce_restored"
SINCE = {NAME: UserNameChanged, EMAIL: UserEmailChanged, STATUS: UserStatusChanged}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that was not applied."""

    attribute: str
    kind: str
    base: str
    ours: str
    theirs: str


@dataclass(slots=True, kw_only=True)
class Case:
    """One record of a page, and what it leads to.

    Attributes:
        said: Hashes of what it says, by attribute.
        digest: Of the row; empty if it is to be read each time.
        raw_key: Under which this version of the record is kept.
        matched_by: How a record that nobody knows was found to be about a user who
            was known before; empty if it was not.
        is_taken: Whether another record is about that user, or says so.
        barred: Attributes whose command was refused, each with the kind of conflict.
        agreed: Attributes of which both say the same, once the commands are done.
        withheld: Why the user is to be deactivated at the end of the run, if so.
        passed: Why the record is gone, if nobody has to be deactivated for it.
        quarantined: Why the record cannot be used, if so.
        is_erased: Whether the person was erased.
    """

    row: Mapping[str, Any]
    seen: Observed
    link: SalesforceLink | None
    user_id: UUID
    said: Mapping[str, str]
    digest: str = ""
    raw_key: str = ""
    matched_by: str = ""
    is_taken: bool = False
    barred: dict[str, str] = field(default_factory=dict)
    commands: list[UserCommand] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    agreed: set[str] = field(default_factory=set)
    withheld: str = ""
    passed: str = ""
    quarantined: str = ""
    is_erased: bool = False
    version: int = 0

    @property
    def stream(self) -> str:
        """The user's stream."""
        return USER.stream(self.user_id)

    @property
    def is_matched(self) -> bool:
        """Whether it is about a user who was known before."""
        return bool(self.matched_by)

    @property
    def creates(self) -> bool:
        """Whether the person becomes known by it."""
        return bool(self.commands) and isinstance(self.commands[0], CreateUser)

    @property
    def is_without_user(self) -> bool:
        """Whether nobody could be created, as another user holds the address."""
        return EMAIL in self.barred and self.version == 0


def compare(case: Case, loaded: Loaded[User | None], told: Options) -> None:
    """Say what *case* leads to, on the state *loaded*; may be done again."""
    case.commands, case.differences, case.agreed = [], [], set()
    case.withheld = case.passed = ""
    case.version = loaded.version
    if loaded.state is None and case.seen.is_deleted:
        case.passed, case.agreed = case.seen.gone_because, set(ATTRIBUTES)
    elif loaded.state is None:
        _create(case)
    elif loaded.state.status is Status.ERASED:
        case.is_erased = True
    elif case.is_taken:
        case.quarantined = TAKEN_ID
    elif case.seen.is_deleted:
        if told.on_delete != OnDelete.IGNORE:
            is_done = loaded.state.status is Status.DEACTIVATED
            gone = case.seen.gone_because
            case.withheld, case.passed = ("", gone) if is_done else (gone, "")
    else:
        _change(case, loaded.state, told)


def _create(case: Case) -> None:
    values = case.seen.values
    if case.matched_by == BY_ID:
        case.quarantined = UNKNOWN_ID
    elif NAME not in values or EMAIL not in values:
        case.quarantined = NOT_OBSERVED
    elif EMAIL in case.barred:
        difference = Difference(
            attribute=EMAIL, kind=case.barred[EMAIL], base="", ours="", theirs=""
        )
        case.differences = [difference]
    else:
        create = CreateUser(
            user_id=case.user_id, name=values[NAME], email=values[EMAIL]
        )
        case.commands, case.agreed = [create], set(values)
        if values.get(STATUS, Status.ACTIVE) != Status.ACTIVE:
            case.commands.append(translate.change(case.user_id, STATUS, values[STATUS]))


def _change(case: Case, user: User, told: Options) -> None:
    _restore(case, user)
    # Of a record that was about nobody nothing was applied yet.
    said = case.link.said if case.link and not case.is_matched else {}
    ours = {NAME: user.name, EMAIL: user.email, STATUS: str(user.status)}
    theirs = case.seen.values
    ours_hash = links.saying(case.seen.sf_id, {name: ours[name] for name in theirs})
    for name in theirs:
        facts = Facts(
            is_new=said.get(name) != case.said[name],
            is_same=ours_hash[name] == case.said[name],
            is_untouched=said.get(name) == ours_hash[name],
            theirs_at=case.seen.modified,
            ours_at=None,
        )
        _attribute(case, name, ours[name], facts, told)


def _attribute(case: Case, name: str, ours: str, facts: Facts, told: Options) -> None:
    owner = Owner(told.field_owners.get(name, Owner.MANUAL))
    theirs = case.seen.values[name]
    if owner is Owner.NEWEST and facts.is_new and not facts.is_untouched:
        facts = Facts(
            is_new=facts.is_new,
            is_same=facts.is_same,
            is_untouched=facts.is_untouched,
            theirs_at=facts.theirs_at,
            ours_at=_since(case.stream, name),
        )
    verdict = judge(facts, owner)
    if verdict is Verdict.APPLY and name not in case.barred:
        if theirs == Status.DEACTIVATED and name == STATUS:
            case.withheld = BY_STATUS
        else:
            case.commands.append(translate.change(case.user_id, name, theirs))
            case.agreed.add(name)
    elif facts.is_same:
        case.agreed.add(name)
    elif verdict is not Verdict.NOTHING:
        case.differences.append(
            Difference(
                attribute=name,
                kind=case.barred.get(name, DIFFERS),
                base=_base(case.stream, name),
                ours=ours,
                theirs=theirs,
            )
        )


def _restore(case: Case, user: User) -> None:
    """Undo our own deactivation of somebody whose record is back, and no other."""
    gone = case.link is not None and case.link.state not in (
        SalesforceLink.State.LINKED,
        SalesforceLink.State.CONFLICT,
    )
    if not gone or user.status is not Status.DEACTIVATED or STATUS in case.barred:
        return
    last = _last(case.stream, STATUS)
    if last is None or last.source != SALESFORCE:
        return
    if str(last.payload.reason).startswith(BY_SALESFORCE):
        wanted = case.seen.values.get(STATUS, Status.ACTIVE)
        if wanted != Status.DEACTIVATED:
            case.commands.append(
                translate.change(case.user_id, STATUS, Status.ACTIVE, RESTORED)
            )


def _since(stream: str, attribute: str) -> datetime | None:
    last = _last(stream, attribute)
    return last.occurred_at if last else None


def _base(stream: str, attribute: str) -> str:
    """Return the value that Salesforce brought last; empty when it brought none."""
    last = _last(stream, attribute, source=SALESFORCE)
    return _value(last.payload, attribute) if last else ""


def _last(stream: str, attribute: str, *, source: str = "") -> RecordedEvent | None:
    """Return the event by which an attribute became what it is.  One query."""
    kinds = (UserCreated, SINCE[attribute])
    found = [
        event
        for event in store.read_stream(stream)
        if isinstance(event.payload, kinds) and source in ("", event.source)
    ]
    return found[-1] if found else None


def _value(payload: Any, attribute: str) -> str:
    if isinstance(payload, UserCreated):
        return str(getattr(payload, attribute, Status.ACTIVE))
    return str(getattr(payload, f"new_{attribute}"))
