"""Reading page by page, each page a query of its own that begins after the last record.

So a page is whole or is read again, a crash loses at most one, and no locator can go
stale.  A run over a window goes by stamp and id; one over the whole object by id alone,
which never changes, so that records that move under the reader are not passed by.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from users.sources.salesforce import soql, translate
from users.sources.salesforce.client import Client
from users.sources.salesforce.options import Options, options
from users.sources.salesforce.run_state import Mode, Run

IDS_A_QUERY = 400  # of 18 characters: the address of the request stays below 16 kB
BY_STAMP = ("SystemModstamp", "Id")
BY_ID = ("Id",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Records, and where the next page begins: after a record, or by a locator."""

    rows: list[dict[str, Any]]
    last_id: str
    last_stamp: datetime | None
    is_last: bool
    locator: str = ""


def read(client: Client, run: Run, told: Options) -> Page:
    """Return the page after those that *run* has read.

    Raises:
        SalesforceError: It could not be read; the run stands where it stood.
    """
    if run.mode is Mode.RECORD:
        return _named(client, run)
    size = min(told.page_size, 2_000)
    is_window = run.low is not None and run.high is not None
    where = window(run)
    if run.last_id and run.last_stamp:
        after = soql.past(run.last_stamp, run.last_id)
        where.append(after if is_window else soql.past_id(run.last_id))
    order = BY_STAMP if is_window else BY_ID
    rows = client.query(
        soql.select(run.fields, run.sobject, where=where, order=order, limit=size)
    )
    last = rows[-1] if rows else None
    return Page(
        rows=rows,
        last_id=last["Id"] if last else run.last_id,
        last_stamp=translate.instant(last["SystemModstamp"]) if last else None,
        is_last=len(rows) < size,
    )


def window(run: Run) -> list[str]:
    """Return the conditions of what *run* reads; none for the whole object."""
    return between(run.low, run.high)


def between(low: datetime | None, high: datetime | None) -> list[str]:
    """Return the conditions of a window, and of the installation."""
    within = [soql.within(low, high)] if low and high else []
    return [*within, *filtered()]


def filtered() -> list[str]:
    """Return the condition that every query has, if the installation sets one."""
    where = options().where
    return [soql.condition(where)] if where else []


def named(client: Client, run: Run, ids: list[str]) -> list[dict[str, Any]]:
    """Return those of the records *ids* that there are, deleted ones included.

    One that the installation does not read is not there.
    """
    where = [soql.one_of(ids), *filtered()]
    return client.query(soql.select(run.fields, run.sobject, where=where))


def _named(client: Client, run: Run) -> Page:
    ids = [each for each in run.ids if each > run.last_id][:IDS_A_QUERY]
    return Page(
        rows=named(client, run, ids),
        last_id=ids[-1],
        last_stamp=None,
        is_last=ids[-1] == run.ids[-1],
    )
