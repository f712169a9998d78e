"""Whether somebody is deactivated, judged again as it is written."""

from __future__ import annotations

from eventstore.repository import Loaded
from users.aggregate import User
from users.models import SalesforceFinding, SalesforceLink
from users.sources.salesforce import links
from users.sources.salesforce.comparing import BY_STATUS, Case, compare
from users.sources.salesforce.options import Options
from users.sources.salesforce.outcomes import ALREADY, FLAGGED, Kept
from users.sources.salesforce.ownership import OnDelete
from users.sources.salesforce.translate import STATUS, Observed
from users.values import Status

ABSENT = "salesforce_absent"


# One table, and a table may be long.
def judge(  # noqa: PLR0911
    finding: SalesforceFinding,
    link: SalesforceLink | None,
    loaded: Loaded[User | None],
    seen: Observed | Kept | None,
    told: Options,
) -> str:
    """Return why the user is deactivated now, or what came of it instead.

    Args:
        finding: What the run found.
        link: Of the record, now.
        loaded: The user, now.
        seen: The record, now; None if Salesforce shows none, or why it is of no use.
        told: The settings, now.
    """
    user = loaded.state
    if link is None or link.user_id != finding.user_id or user is None:
        return Kept.REFUSED
    if user.status is Status.ERASED:
        return Kept.ERASED
    reason = _reason(link, loaded, seen, told)
    if reason in (Kept.CAME_BACK, Kept.UNUSABLE):
        return reason
    if user.status is Status.DEACTIVATED and reason != Kept.SETTINGS:
        return ALREADY + reason
    if reason not in (BY_STATUS, Kept.SETTINGS) and told.on_delete == OnDelete.FLAG:
        return FLAGGED + reason
    # Findings of older code do not say at which version they were made.
    if finding.version not in (None, loaded.version):
        return Kept.CHANGED
    return reason


def _reason(
    link: SalesforceLink,
    loaded: Loaded[User | None],
    seen: Observed | Kept | None,
    told: Options,
) -> str:
    if isinstance(seen, Kept):
        return seen
    if seen is None:
        return Kept.SETTINGS if told.on_delete == OnDelete.IGNORE else ABSENT
    said = links.saying(link.sf_id, seen.values)
    case = Case(row={}, seen=seen, link=link, user_id=link.user_id, said=said)
    compare(case, loaded, told)
    if found := case.withheld or case.passed:
        return found
    if seen.is_deleted:
        return Kept.SETTINGS
    if seen.values.get(STATUS) != Status.DEACTIVATED:
        return Kept.CAME_BACK
    # It says so, and has no say any more; or we say it, too.
    return BY_STATUS if STATUS in case.agreed else Kept.SETTINGS
