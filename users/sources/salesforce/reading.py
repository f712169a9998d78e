"""The rows of a page -> who says something new, and what makes no sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from users.models import SalesforceLink
from users.sources.salesforce import conflicts, keeping, links, translate, unchanged
from users.sources.salesforce.comparing import Case
from users.sources.salesforce.errors import RecordIdError
from users.sources.salesforce.ids import canonical
from users.sources.salesforce.keeping import Unusable
from users.sources.salesforce.options import Options
from users.sources.salesforce.translate import Observed, UnusableError

GONE = (
    *(SalesforceLink.State.DELETED, SalesforceLink.State.MERGED),
    SalesforceLink.State.ABSENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a page says.

    Attributes:
        cases: Records that say something new.
        unusable: Rows that make no sense.
        same: Digests, by record, of rows that say nothing new.
        sensible: Records whose row makes sense.
        known: Links of the records.
    """

    cases: list[Case]
    unusable: list[Unusable]
    same: Mapping[str, str]
    sensible: AbstractSet[str]
    known: Mapping[str, SalesforceLink]


def read(
    rows: Sequence[Mapping[str, Any]], counts: Counter[str], told: Options
) -> Read:
    """Return who says something new, what makes no sense, and digests of the others.

    Those with an open conflict are among the first: it may be over.  Four queries at
    most.

    Args:
        rows: A page, as Salesforce sent it.
        counts: Of the page; added to here.
        told: The settings.
    """
    page = unchanged.sifted(rows, told)
    seen, unusable = _observed(page.rows, told)
    counts["repaired"] += sum(each.repaired for each, _ in seen.values())
    named = {each.sf_id for each in unusable if each.sf_id}
    known = links.among((seen.keys() | named) - page.unlinked)
    disputed = conflicts.open_among(known)
    cases, same = [], {}
    for sf_id, (each, row) in sorted(seen.items()):
        link = known.get(sf_id)
        digest = "" if each.repaired else page.digests.get(sf_id, "")  # told again
        said = links.saying(sf_id, each.values)
        if _is_of_nobody(each, link):
            counts["ignored"] += 1
        elif link is None or _says_more(
            each, said, link, is_disputed=sf_id in disputed
        ):
            case = Case(
                row=row,
                seen=each,
                link=link,
                user_id=link.user_id if link else translate.user_id_of(sf_id),
                said=said,
                digest=digest,
                raw_key=keeping.key_of(each, row),
            )
            cases.append(case)
        elif digest and each.stamp >= link.stamp:
            same[sf_id] = digest
    return Read(
        cases=cases,
        unusable=unusable,
        same=same,
        sensible=seen.keys() - named,
        known=known,
    )


def _observed(
    rows: Sequence[Mapping[str, Any]], told: Options
) -> tuple[dict[str, tuple[Observed, Mapping[str, Any]]], list[Unusable]]:
    seen, unusable = {}, []
    for row in rows:
        try:
            each = translate.observed(row, told)
        except UnusableError as error:
            unusable.append(Unusable(row=row, code=error.code, sf_id=_id_of(row)))
        else:
            seen[each.sf_id] = each, row
    return seen, unusable


def _id_of(row: Mapping[str, Any]) -> str:
    try:
        return canonical(row["Id"])
    except (RecordIdError, KeyError, TypeError):
        return ""


def _is_of_nobody(seen: Observed, link: SalesforceLink | None) -> bool:
    if link is None:
        return seen.is_deleted  # it was gone before anybody here knew it
    return link.state == SalesforceLink.State.IGNORED


def _says_more(
    seen: Observed,
    said: Mapping[str, str],
    link: SalesforceLink,
    *,
    is_disputed: bool,
) -> bool:
    if seen.stamp < link.stamp:
        return False
    if seen.is_deleted:
        return link.state not in GONE
    if link.state in GONE:
        return True
    if is_disputed or links.is_of_nobody(link):
        return True  # we may say the same by now; the address may be free
    return any(link.said.get(name) != value for name, value in said.items())
