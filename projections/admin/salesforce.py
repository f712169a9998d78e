"""The tab "Salesforce" of a user: who says what, since when, and who is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from eventstore.admin import sight
from projections.admin import masks
from projections.queries import Chapter
from users.admin.salesforce import dispute
from users.aggregate import USER
from users.models import SalesforceConflict
from users.sources.salesforce import records, runs
from users.sources.salesforce.options import options
from users.sources.salesforce.records import Said, Told
from users.sources.salesforce.translate import ATTRIBUTES
from users.values import Status


def details(
    request: HttpRequest, user_id: UUID, chapters: Sequence[Chapter]
) -> dict[str, Any]:
    """Return what both sides say of a user, masked where nobody may see them."""
    seen = sight.of(request)
    state = chapters[-1].after if chapters else None
    is_known = state is not None and state.status is not Status.ERASED
    ours = {name: str(getattr(state, name)) for name in ATTRIBUTES if is_known}
    told = records.of_user(user_id, ours)
    if not seen.sees(USER.stream(user_id)):
        told = [_masked(each) for each in told]
    rows = SalesforceConflict.objects.filter(user_id=user_id, resolved_at=None)
    return {
        "records": told,
        "disputes": [dispute(row, seen) for row in rows.order_by("opened_at")],
        "withheld": records.withheld(user_id) if told else [],
        "watermark": runs.watermark(options().sobject) if told else None,
        "is_enabled": options().enabled,
        "matches_by_email": options().match_by_email,
        "may_fetch": told
        and is_known
        and request.user.has_perm("users.add_salesforcerun"),
    }


def _masked(told: Told) -> Told:
    return replace(told, said=[_masked_said(each) for each in told.said])


def _masked_said(said: Said) -> Said:
    return replace(
        said,
        theirs=masks.value(said.attribute, said.theirs),
        ours=masks.value(said.attribute, said.ours) or "",
    )
