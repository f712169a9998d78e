"""One user beside the records that tell of them, and what each said last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit
from uuid import UUID

from eventstore.errors import SealBrokenError
from eventstore.events import SALESFORCE
from eventstore.intake import raw, strict
from eventstore.intake.errors import BodyGoneError, MapperError
from eventstore.intake.models import RecordMapping
from eventstore.intake.raw import Newest
from users.errors import InvalidValueError
from users.models import SalesforceFinding, SalesforceLink, SalesforceRun
from users.sources.salesforce import links, translate
from users.sources.salesforce.comparing import BY_STATUS
from users.sources.salesforce.errors import UnsafeAddressError
from users.sources.salesforce.options import Options, options, safe_address
from users.sources.salesforce.ownership import OnDelete, Owner
from users.sources.salesforce.run_state import ACTIVE, SUCCEEDED
from users.sources.salesforce.translate import ATTRIBUTES, UnusableError

State = RecordMapping.State
UNUSED = (State.QUARANTINED, State.SKIPPED)
MOST = 20  # records of one user that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One attribute.

    Attributes:
        owner: Whose word counts when both sides changed it.
        theirs: What the record said last; None where that cannot be told any more.
        ours: What we hold.
        is_same: Whether both are the same; None if one of them says nothing.
            Known by a hash, also where *theirs* is not.
    """

    attribute: str
    owner: str
    theirs: str | None
    ours: str
    is_same: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One record, and what it said last.

    Attributes:
        address: Where it is opened in its org; empty if nobody said where that is.
        org_id: The org, 18 characters; empty if it was never reached.
        newest: What is kept of it that could be used; None if nothing is.
        refused: What it said last, if that waits in quarantine.
        problem: Why its values cannot be told: ``gone``, ``broken``, or the code of
            what is wrong with them; empty if they can.
    """

    link: SalesforceLink
    address: str
    org_id: str
    newest: Newest | None
    refused: Newest | None
    problem: str
    said: Sequence[Said]

    @property
    def received_at(self) -> datetime | None:
        """When we were told."""
        return self.newest.record.received_at if self.newest else None


def of_user(user_id: UUID, ours: Mapping[str, str]) -> list[Told]:
    """Return the records that tell of a user, at most 20; *ours* by attribute.

    Two queries, and three for each record, or five.  Raises ``KeyRingError`` only.
    """
    told = options()
    found = SalesforceLink.objects.filter(user_id=user_id).order_by("sf_id")[:MOST]
    org_id = _org_id() if found else ""
    return [_told(link, ours, org_id, told) for link in found]


def withheld(user_id: UUID) -> list[SalesforceFinding]:
    """Return what runs that are under way would do to a user at their end."""
    waiting = SalesforceRun.objects.filter(state__in=ACTIVE, dry_run=False)
    mine = SalesforceFinding.objects.filter(user_id=user_id, is_done=False)
    if options().on_delete == OnDelete.FLAG:
        mine = mine.filter(reason=BY_STATUS)
    return list(mine.filter(run_id__in=waiting.values("run_id")).order_by("sf_id"))


def to_fetch(user_id: UUID) -> list[str]:
    """Return the records of a user that a run may read."""
    mine = SalesforceLink.objects.filter(user_id=user_id, sobject=options().sobject)
    erased = SalesforceLink.State.IGNORED
    return list(mine.exclude(state=erased).values_list("sf_id", flat=True)[:MOST])


def address(sf_id: str, login_url: str) -> str:
    """Return where a record is opened; empty unless *login_url* is a safe address."""
    try:
        parts = urlsplit(safe_address(login_url))
        host = parts.netloc.rpartition("@")[2]
    except (UnsafeAddressError, ValueError):
        return ""
    return f"{parts.scheme}://{host}/{quote(sf_id, safe='')}" if host else ""


def _org_id() -> str:
    reached = SalesforceRun.objects.filter(state__in=SUCCEEDED).order_by("-started_at")
    return str(reached.values_list("org_id", flat=True).first() or "")


def _told(
    link: SalesforceLink, ours: Mapping[str, str], org_id: str, told: Options
) -> Told:
    last = newest = raw.newest(SALESFORCE, link.sf_id)
    if last and last.mapping.state in UNUSED:
        newest = raw.newest(SALESFORCE, link.sf_id, but_not=UNUSED)
    values, problem = _values(newest, told)
    return Told(
        link=link,
        address=address(link.sf_id, told.login_url),
        org_id=org_id,
        newest=newest,
        refused=last if last and last.mapping.state == State.QUARANTINED else None,
        problem=problem,
        said=[
            Said(
                attribute=name,
                owner=told.field_owners.get(name, Owner.MANUAL),
                theirs=values.get(name),
                ours=ours.get(name, ""),
                is_same=_is_same(link, name, ours),
            )
            for name in ATTRIBUTES
        ],
    )


def _is_same(
    link: SalesforceLink, attribute: str, ours: Mapping[str, str]
) -> bool | None:
    if attribute not in link.said or attribute not in ours:
        return None
    try:
        own = links.saying(link.sf_id, {attribute: ours[attribute]})
    except InvalidValueError:  # recorded under older rules: they cannot say the same
        return False
    return bool(link.said[attribute] == own[attribute])


def _values(newest: Newest | None, told: Options) -> tuple[Mapping[str, str], str]:
    if newest is None:
        return {}, "gone"
    try:
        row = strict.parsed(raw.opened(newest.record))
        return translate.observed(row, told).values, ""
    except BodyGoneError:
        return {}, "gone"
    except SealBrokenError:
        return {}, "broken"
    except (MapperError, UnusableError) as error:
        return {}, error.code
