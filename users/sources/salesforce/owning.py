"""What Salesforce owns of whom, for whoever would change it here."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from users import owners
from users.models import SalesforceLink
from users.sources.salesforce.options import options
from users.sources.salesforce.ownership import Owner


def attributes() -> Collection[str]:
    """Return what Salesforce owns; nothing where nobody comes from it any more."""
    told = options()
    if not told.enabled:
        return ()
    owned = told.field_owners.items()
    return {attribute for attribute, owner in owned if owner == Owner.SALESFORCE}


def among(user_ids: Collection[UUID]) -> Collection[UUID]:
    """Return those of *user_ids* of whom a living record tells.  One query.

    Whose record is deleted, merged or absent can be changed nowhere but here.
    """
    linked = SalesforceLink.objects.filter(
        user_id__in=user_ids,
        sobject=options().sobject,
        state=SalesforceLink.State.LINKED,
    )
    return set(linked.values_list("user_id", flat=True))


OWNER = owners.Owner(name="Salesforce", attributes=attributes, among=among)
