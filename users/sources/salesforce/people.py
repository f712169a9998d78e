"""One page of records -> commands, links and conflicts, in the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from eventstore import repository
from eventstore.circumstances import acting
from eventstore.errors import ConcurrencyError, UnreadableEventError
from eventstore.events import SALESFORCE, Metadata
from users import bulk, services
from users.aggregate import USER
from users.bulk import Result, Wanted
from users.commands import ChangeEmail, ChangeName, CreateUser, UserCommand
from users.errors import (
    CompanionRefusedError,
    EmailSuppressedError,
    EmailTakenError,
    InvalidValueError,
    StatusTransitionError,
    UserErasedError,
    UserExistsError,
)
from users.models import SalesforceFinding, SalesforceLink
from users.services import Outcome
from users.sources.salesforce import (
    conflicts,
    keeping,
    links,
    matching,
    reading,
    translate,
)
from users.sources.salesforce.comparing import (
    DUPLICATE_EMAIL,
    NOT_ALLOWED,
    Case,
    compare,
)
from users.sources.salesforce.options import Options
from users.sources.salesforce.run_state import COUNTS
from users.sources.salesforce.translate import (
    EMAIL,
    MAPPER_VERSION,
    NAME,
    STATUS,
    Observed,
)

ROUNDS = 8  # of comparing anew, as somebody changed a user or a command was refused
DEACTIVATED = "deactivated"
CREATED = "created"


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of a page.

    Attributes:
        counts: See ``SalesforcePageRead``.
        findings: What is withheld from whom; in a dry run what would be done, too.
    """

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[SalesforceFinding] = field(default_factory=list)

    def counted(self) -> dict[str, int]:
        """Return every count, those of nothing, too."""
        return {name: self.counts[name] for name in COUNTS}


def apply(
    rows: Sequence[Mapping[str, Any]],
    *,
    run_id: UUID,
    high: datetime,
    told: Options,
    is_dry: bool = False,
) -> Tally:
    """Bring what *rows* say into the log, and say what came of it.

    Idempotent: what was said before leads to nothing.  Must run in a transaction.

    Args:
        rows: A page, as Salesforce sent it.
        run_id: The run.
        high: Nothing became true later than this.
        told: The settings.
        is_dry: Whether findings tell of what was done, too.
    """
    tally = Tally()
    tally.counts["read"] = len(rows)
    page = reading.read(rows, tally.counts, told)
    cases = page.cases
    matching.match(cases, told)
    _carry_out(cases, run_id=run_id, high=high, told=told)
    with acting(actor=translate.ACTOR, source=SALESFORCE, correlation_id=run_id):
        conflicts.tell([case for case in cases if not case.is_erased])
    links.save(_linked(case, run_id, told) for case in cases if not case.quarantined)
    links.note_rows(page.same)
    keeping.hand_over([case for case in cases if not case.quarantined])
    quarantined = {case.seen.sf_id for case in cases if case.quarantined}
    living = [case for case in cases if not case.is_erased]
    unused = keeping.keep(living, page.unusable, page.known)
    keeping.close(page.sensible - quarantined)
    tally.counts["quarantined"] += unused
    # Of erased people, and what somebody said to skip.
    tally.counts["ignored"] += len(page.unusable) + len(quarantined) - unused
    for case in cases:
        _count(case, run_id, tally, is_dry=is_dry)
    return tally


def circumstances_of(
    seen: Observed, *, run_id: UUID, occurred_at: datetime, more: Mapping[str, Any]
) -> Metadata:
    """Return who, why and whence of a command that a record leads to."""
    return translate.metadata(
        contact_id=seen.sf_id,
        run_id=run_id,
        occurred_at=occurred_at,
        extra={
            "system_modstamp": seen.stamp.isoformat(),
            "last_modified": seen.modified.isoformat(),
            "last_modified_by": seen.modified_by,
            "mapper_version": MAPPER_VERSION,
            **more,
        },
    )


def _carry_out(
    cases: Sequence[Case], *, run_id: UUID, high: datetime, told: Options
) -> None:
    todo = [case for case in cases if not case.quarantined]
    for tries in range(ROUNDS):
        # Who is hoped to be new is not looked for: the append says whether they are.
        there = [case.user_id for case in todo if tries or not _hopes(case)]
        loaded = repository.load_many(USER, there)
        for case in todo:
            compare(case, loaded.get(case.user_id, services.NOBODY), told)
        wanted = [
            (case, each)
            for case in todo
            for each in _wanted(case, run_id=run_id, high=high)
        ]
        results = bulk.execute_each([each for _, each in wanted])
        todo = [
            case
            for (case, each), result in zip(wanted, results, strict=True)
            if _is_to_be_compared_anew(case, each.command, result)
        ]
        if not todo:
            return
    for case in todo:
        case.quarantined = "moved_too_often"


def _hopes(case: Case) -> bool:
    is_whole = {NAME, EMAIL} <= case.seen.values.keys()
    return case.link is None and not case.is_matched and is_whole


def _wanted(case: Case, *, run_id: UUID, high: datetime) -> list[Wanted]:
    seen = case.seen
    since = min(seen.modified, high)
    if case.link is not None:
        since = max(since, case.link.modified)
    more = {"raw": case.raw_key}
    wanted = []
    for place, command in enumerate(case.commands):
        occurred_at = since
        if isinstance(command, CreateUser):
            occurred_at = min(seen.created, since)
            more = more | {"values_known_from": since.isoformat()}
        about = circumstances_of(
            seen, run_id=run_id, occurred_at=occurred_at, more=more
        )
        wanted.append(
            Wanted(
                command=command,
                metadata=about,
                # Those that follow find the user moved by the first of them.
                expected_version=None if place or case.creates else case.version,
            )
        )
    return wanted


# One table, and a table may be long.
def _is_to_be_compared_anew(  # noqa: C901, PLR0911
    case: Case, command: UserCommand, result: Result
) -> bool:
    """Take note of what came of a command; True where the case is not done yet.

    Raises:
        UnreadableEventError: Newer code changed the user, unreadably for this code.
    """
    match result:
        case Outcome():
            case.version = result.version
            return False
        case CompanionRefusedError():
            return False
        case ConcurrencyError() | UserExistsError():
            return True
        case EmailTakenError():
            case.barred[EMAIL] = DUPLICATE_EMAIL
        case EmailSuppressedError() if isinstance(command, ChangeEmail):
            case.barred[EMAIL] = NOT_ALLOWED
        case EmailSuppressedError() | UserErasedError():
            case.is_erased = True
            return False
        case StatusTransitionError():
            case.barred[STATUS] = NOT_ALLOWED
        case UnreadableEventError():
            raise result
        case InvalidValueError():
            case.quarantined = f"bad_{result.field}"
            return False
        case _:
            case.quarantined = type(result).__name__
            return False
    return True


def _linked(case: Case, run_id: UUID, told: Options) -> SalesforceLink:
    seen = case.seen
    link = case.link or SalesforceLink(sf_id=seen.sf_id, sobject=told.sobject)
    link.user_id = case.user_id
    said = dict(case.said)
    link.digest = case.digest
    # Until it is applied it was not said: the next run must find it again.
    for name in [*case.barred, *([STATUS] if case.withheld else [])]:
        said.pop(name, None)
        link.digest = ""
    if case.passed:
        links.mark_gone(link, case.passed)
    elif not case.withheld:
        link.state = SalesforceLink.State.LINKED
    link.said = {**link.said, **said}
    link.stamp, link.modified, link.run_id = seen.stamp, seen.modified, run_id
    if case.is_erased:
        links.mark_erased(link)
    elif case.is_without_user:
        link.state = SalesforceLink.State.CONFLICT
    elif not link.state:
        link.state = SalesforceLink.State.LINKED
    return link


def _count(case: Case, run_id: UUID, tally: Tally, *, is_dry: bool) -> None:
    if case.is_erased:
        tally.counts["ignored"] += 1
        return
    if case.quarantined:
        return
    tally.counts["conflicts"] += len(case.differences)
    if case.withheld:
        tally.counts["withheld"] += 1
        tally.findings.append(_finding(case, run_id, DEACTIVATED, case.withheld))
    for what in _done(case) if is_dry else ():
        tally.findings.append(_finding(case, run_id, what, ""))
    if case.commands:
        tally.counts["created" if case.creates else "changed"] += 1


def _done(case: Case) -> list[str]:
    names: dict[type, str] = {
        CreateUser: CREATED,
        ChangeName: NAME,
        ChangeEmail: EMAIL,
    }
    return [names.get(type(command), STATUS) for command in case.commands]


def _finding(case: Case, run_id: UUID, what: str, reason: str) -> SalesforceFinding:
    return SalesforceFinding(
        run_id=run_id,
        sf_id=case.seen.sf_id,
        user_id=case.user_id,
        what=what,
        reason=reason,
        is_done=what != DEACTIVATED,
        version=case.version,
    )
