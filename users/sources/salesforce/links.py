"""Which record tells of whom, and what it said last: hashes, never values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from uuid import UUID

import orjson
from django.db import connection

from eventstore import wire
from eventstore.events import SALESFORCE
from eventstore.intake import raw
from users.models import SalesforceLink, SalesforceSeen
from users.sources.salesforce.translate import comparable

ABSENT = Path(__file__).parent / "sql" / "find_absent.sql"
STATES = {
    "salesforce_deleted": SalesforceLink.State.DELETED,
    "salesforce_merged": SalesforceLink.State.MERGED,
    "salesforce_absent": SalesforceLink.State.ABSENT,
}
LOCK = 7343  # advisory: to link records, or to rely on who is linked


def among(sf_ids: Collection[str]) -> dict[str, SalesforceLink]:
    """Return the links of these records.  One query; none for none."""
    if not sf_ids:
        return {}
    return SalesforceLink.objects.in_bulk(list(sf_ids))


def is_of_nobody(link: SalesforceLink) -> bool:
    """Return whether the record could not become a user, and so tells of none."""
    return link.state == SalesforceLink.State.CONFLICT


def mark_gone(link: SalesforceLink, reason: str) -> None:
    """Let *link* say why its record is gone; linked where *reason* is another."""
    kind, _, master = reason.partition(":")
    link.state = STATES.get(kind, SalesforceLink.State.LINKED)
    link.master_id = master
    link.digest = ""  # should the very same row come back, it is news


def mark_erased(link: SalesforceLink) -> None:
    """Let *link* say that its person was erased; no run looks for the record again."""
    link.state, link.said, link.digest = SalesforceLink.State.IGNORED, {}, ""


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
    """Write links, new or changed; in one order, so that nobody is deadlocked.

    One statement; none for none.
    """
    ordered = sorted(links, key=lambda link: link.sf_id)
    if not ordered:
        return
    told = {
        "sf_ids": [link.sf_id for link in ordered],
        "sobjects": [link.sobject for link in ordered],
        "user_ids": [link.user_id for link in ordered],
        "said": [orjson.dumps(link.said).decode() for link in ordered],
        "stamps": [link.stamp for link in ordered],
        "modified": [link.modified for link in ordered],
        "states": [str(link.state) for link in ordered],
        "master_ids": [link.master_id for link in ordered],
        "run_ids": [link.run_id for link in ordered],
        "digests": [link.digest for link in ordered],
    }
    wire.rows("users.save_links", told)


def known_rows(digests: Mapping[str, str]) -> dict[str, bool]:
    """Return those of the records that are linked: whether its row is the one we know.

    One query; none for none.
    """
    if not digests:
        return {}
    told = {"sf_ids": list(digests), "digests": list(digests.values())}
    return dict(wire.rows("users.find_known_rows", told))


def note_rows(digests: Mapping[str, str]) -> None:
    """Let the links of these records know the rows that turned out to say nothing new.

    One statement; none for none.
    """
    if digests:
        told = {"sf_ids": list(digests), "digests": list(digests.values())}
        wire.rows("users.note_rows", told)


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
