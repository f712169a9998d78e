"""Records that nobody knows -> users who were known before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from users import claims
from users.aggregate import user_id_of
from users.sources.salesforce import links, translate
from users.sources.salesforce.comparing import (
    BAD_ID,
    BY_EMAIL,
    BY_ID,
    NOT_OBSERVED,
    Case,
)
from users.sources.salesforce.options import Options
from users.sources.salesforce.translate import EMAIL
from users.values import comparison_form


def match(cases: Sequence[Case], told: Options) -> None:
    """Find, for records nobody knows, the user whom they name or who has their address.

    A record that names somebody is not looked for by its address, nor made a new
    person: either would be somebody else.  Whether the user is there is not asked here.
    Three queries at most.
    """
    _match_by_id([case for case in cases if _names_somebody(case)])
    if told.match_by_email:
        new = [case for case in cases if case.link is None]
        _match_by_email([case for case in new if EMAIL in case.seen.values])


def _names_somebody(case: Case) -> bool:
    if case.seen.external_id == "" or case.seen.is_deleted:
        return False
    return case.link is None or links.is_of_nobody(case.link)


def _match_by_id(cases: Sequence[Case]) -> None:
    found: list[tuple[Case, UUID]] = []
    for case in cases:
        named = case.seen.external_id
        if named is None:
            case.quarantined = NOT_OBSERVED
        elif (user_id := translate.our_id(named)) is None:
            case.quarantined = BAD_ID
        else:
            found.append((case, user_id))
    if not found:
        return
    naming = Counter(user_id for _, user_id in found)
    taken = links.of_users(naming)
    for case, user_id in found:
        case.user_id, case.matched_by = user_id, BY_ID
        case.is_taken = user_id in taken or naming[user_id] > 1


def _match_by_email(new: Sequence[Case]) -> None:
    shared = Counter(comparison_form(case.seen.values[EMAIL]) for case in new)
    holders = claims.holders(case.seen.values[EMAIL] for case in new)
    found = {email: user_id_of(stream) for email, stream in holders.items()}
    taken = links.of_users(found.values())
    taken |= {case.user_id for case in new if case.matched_by == BY_ID}
    for case in new:
        if case.seen.external_id != "":
            continue
        email = case.seen.values[EMAIL]
        user_id = found.get(email)
        is_only = shared[comparison_form(email)] == 1
        if user_id and is_only and user_id not in taken | {case.user_id}:
            case.user_id, case.matched_by = user_id, BY_EMAIL
