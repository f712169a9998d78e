"""Which record tells of whom, and what it said last: hashes, never values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from uuid import UUID

from django.db import connection

from eventstore.events import SALESFORCE
from eventstore.intake import raw
from users.models import SalesforceLink, SalesforceSeen
from users.sources.salesforce.translate import comparable

ABSENT = Path(__file__).parent / "sql" / "find_absent.sql"
LOCK = 7343  # advisory: to link records, or to rely on who is linked
BATCH_SIZE = 2_000  # rows written at once


def among(sf_ids: Collection[str]) -> dict[str, SalesforceLink]:
    """Return the links of these records.  One query."""
    return SalesforceLink.objects.in_bulk(list(sf_ids))


def of_users(user_ids: Collection[UUID]) -> set[UUID]:
    """Return those of *user_ids* that some record tells of.  One query."""
    found = SalesforceLink.objects.filter(user_id__in=user_ids)
    return set(found.values_list("user_id", flat=True))


def saying(sf_id: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes of what a record says, by attribute."""
    return {
        name: raw.fact_hash(SALESFORCE, sf_id, name, comparable(name, value))
        for name, value in values.items()
    }


def save(links: Iterable[SalesforceLink]) -> None:
    """Write links, new or changed; in one order, so that nobody is deadlocked."""
    SalesforceLink.objects.bulk_create(
        sorted(links, key=lambda link: link.sf_id),
        BATCH_SIZE,
        update_conflicts=True,
        unique_fields=["sf_id"],
        update_fields=[
            *("user_id", "said", "stamp", "modified", "state", "master_id", "run_id"),
        ],
    )


def count(sobject: str) -> int:
    """Return how many records of an object are linked."""
    linked = SalesforceLink.State.LINKED
    return SalesforceLink.objects.filter(sobject=sobject, state=linked).count()


def settle() -> None:
    """Until the transaction ends, let nobody rely on who is not linked yet."""
    _lock("SELECT pg_advisory_xact_lock(%s)")


def rely() -> None:
    """Until the transaction ends, let nobody link a record to a user known before."""
    _lock("SELECT pg_advisory_xact_lock_shared(%s)")


def _lock(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [LOCK])


def note_seen(run_id: UUID, page: int, sf_ids: Collection[str]) -> None:
    """Remember that a page had these records."""
    SalesforceSeen.objects.create(run_id=run_id, page=page, sf_ids=list(sf_ids))


def absent(run_id: UUID, sobject: str) -> list[SalesforceLink]:
    """Return the linked records that no page of a run had.  One query."""
    with connection.cursor() as cursor:
        query = ABSENT.read_text("utf-8")
        cursor.execute(query, {"sobject": sobject, "run_id": run_id})
        missing = [sf_id for (sf_id,) in cursor.fetchall()]
    return list(among(missing).values())


def forget_seen(run_id: UUID) -> None:
    """Forget what the pages of a run had."""
    SalesforceSeen.objects.filter(run_id=run_id).delete()
