"""A run from its first page to its end: a transaction a page, in slices of time."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from eventstore import congestion
from users.models import SalesforceFinding, SalesforceRun
from users.sources.salesforce import (
    bulk_pages,
    ending,
    links,
    pages,
    people,
    rehearsals,
    runs,
    shut_out,
    soql,
    translate,
)
from users.sources.salesforce.ahead import Ahead
from users.sources.salesforce.client import Budget, Client
from users.sources.salesforce.errors import (
    LimitReachedError,
    LoginError,
    LostLeaseError,
    RunStateError,
    SalesforceError,
    SchemaError,
)
from users.sources.salesforce.events import (
    SalesforcePageRead,
    SalesforceRunEnded,
    SalesforceRunHeld,
    SalesforceRunOpened,
)
from users.sources.salesforce.ids import canonical
from users.sources.salesforce.options import Options, options
from users.sources.salesforce.pages import Page
from users.sources.salesforce.people import Tally
from users.sources.salesforce.rehearsals import Values
from users.sources.salesforce.run_state import Mode, Run, State
from users.sources.salesforce.runs import LIMIT_WAIT, Leased

CONGESTION_WAIT = timedelta(seconds=10)

logger = logging.getLogger(__name__)


def work(run_id: UUID, *, slice_seconds: float | None = None) -> bool:
    """Work at a run for a slice of time; return whether there is more to do at once.

    Safe to call at any time, by anybody, however often: one worker has the run, and
    what it committed is not done again.

    Args:
        run_id: Which run.
        slice_seconds: For how long; None for what the settings say.
    """
    leased = runs.claim(run_id)
    if leased is None:
        return False
    told = options()
    try:
        org_id = leased.run.org_id or _known_org()
        with Client(told, calls=leased.run.calls, org_id=org_id) as client:
            seconds = told.slice_seconds if slice_seconds is None else slice_seconds
            return _go_on(leased, client, told, time.monotonic() + seconds)
    except LostLeaseError:
        return False
    except SalesforceError as error:
        _stop(leased, error)
        return False


def _go_on(leased: Leased, client: Client, told: Options, until: float) -> bool:
    if leased.run.high is None:
        _open(leased, client, told)
    with Ahead(client, told) as ahead:
        while leased.run.state is State.RUNNING and not leased.run.is_read:
            if name := congestion.behind(told.most_behind):
                logger.info("backfill waits", extra={"subscription": name})
                runs.put_off(leased, CONGESTION_WAIT)
                return False
            wait = bulk_pages.wait(leased, client, told)
            if wait is None:
                _page(leased, client, ahead, told, until)
            elif wait and time.monotonic() + wait > until:
                runs.put_off(leased, timedelta(seconds=wait))
                return False
            else:
                time.sleep(wait)
            if time.monotonic() > until and not ahead.has_page:
                runs.release(leased)
                return True
    if leased.run.state is State.RUNNING:
        bulk_pages.clear(leased, client)
        ending.end(leased, client, told)
    return False


def _known_org() -> str:
    """Return the org whose records we have; empty if we have none yet."""
    applied = SalesforceRun.objects.filter(pages__gt=0, dry_run=False)
    return str(
        applied.order_by("-started_at").values_list("org_id", flat=True).first() or ""
    )


def _open(leased: Leased, client: Client, told: Options) -> None:
    """Ask what there is to read, before anything is read.

    Raises:
        DifferentOrgError: It is another org than that whose records we have.
        SchemaError: A field that we need may not be seen.
    """
    org_id = canonical(client.org_id)
    kinds = client.fields(leased.run.sobject)
    fields, missing = translate.fields(told, kinds)
    high = client.server_time
    assert high is not None  # noqa: S101 - it answered a moment ago
    low = _low(leased.run, told)
    expected, is_bulk = _expected(leased.run, low, high, client, told)
    opened = SalesforceRunOpened(
        org_id=org_id,
        low=low,
        high=high,
        fields=fields,
        missing=missing,
        flags=[each for each in fields if kinds[each] == "boolean"],
        expected=expected,
        is_bulk=is_bulk,
    )
    runs.record(leased, opened)
    bulk_pages.clear(leased, client)


def _expected(
    run: Run, low: datetime | None, high: datetime, client: Client, told: Options
) -> tuple[int | None, bool]:
    """Return how many records there are to read, and whether a job should do it."""
    if run.mode is Mode.RECORD:
        return len(run.ids), False
    where = pages.between(low, high)
    expected = client.count(soql.count(run.sobject, where=where))
    return expected, bulk_pages.is_worth_it(expected, told)


def _low(run: Run, told: Options) -> datetime | None:
    mark = runs.watermark(run.sobject)
    if run.mode is not Mode.INCREMENTAL or mark is None:
        return None
    low = mark - timedelta(seconds=max(60, told.overlap_seconds))
    # Never later: what changed in between would be passed by, and called known.
    return min(low, run.since) if run.since else low


def _page(
    leased: Leased, client: Client, ahead: Ahead, told: Options, until: float
) -> None:
    run = leased.run
    if run.is_bulk:
        found = bulk_pages.read(leased, client, told)
        if found is None:  # the run begins anew
            return
        page, calls = found, client.budget.calls
    else:
        page, calls = ahead.take(run)
        # What is begun is applied, too: after the slice nothing more is begun.
        if not page.is_last and time.monotonic() <= until:
            ahead.begin(run, page)
    spent = replace(client.budget, calls=calls)
    assert run.high is not None  # noqa: S101 - it was opened
    after: Mapping[UUID, Values] = {}
    with transaction.atomic():
        tally = people.apply(
            page.rows,
            run_id=leased.run_id,
            high=run.high,
            told=told,
            is_dry=run.dry_run,
        )
        if run.dry_run:
            after = rehearsals.values(tally.findings)
            transaction.set_rollback(True)
        else:
            _commit(leased, page, tally, spent)
    if run.dry_run:
        with transaction.atomic():
            rehearsals.seal(leased.run_id, tally.findings, after)
            _commit(leased, page, tally, spent)


def _commit(leased: Leased, page: Page, tally: Tally, spent: Budget) -> None:
    run = leased.run
    read = SalesforcePageRead(
        number=run.pages + 1,
        last_id=page.last_id,
        last_stamp=page.last_stamp,
        is_last=page.is_last,
        calls=spent.calls,
        locator=page.locator,
        used=spent.used,
        most=spent.most,
        **tally.counted(),
    )
    if run.mode is Mode.RECONCILE:
        seen = [canonical(row["Id"]) for row in page.rows]
        links.note_seen(leased.run_id, read.number, seen)
    SalesforceFinding.objects.bulk_create(tally.findings, ignore_conflicts=True)
    runs.record(leased, read)


def _stop(leased: Leased, error: SalesforceError) -> None:
    """Say why the run goes no further, unless somebody said so before us."""
    match error:
        case LimitReachedError():
            held = SalesforceRunHeld(state=State.PAUSED_LIMIT, reason=str(error))
            _say(leased, held, wait=LIMIT_WAIT)
        case LoginError():
            reason = f"{shut_out.AUTH_FAILED}{error.code}"
            _say(leased, SalesforceRunEnded(state=State.FAILED, reason=reason))
            shut_out.pause_schedule(leased.run_id)
        case SchemaError():
            reason = f"schema: {', '.join(error.fields)}"
            _say(leased, SalesforceRunEnded(state=State.FAILED, reason=reason))
        case _:
            _say(leased, SalesforceRunEnded(state=State.FAILED, reason=str(error)))


def _say(
    leased: Leased,
    event: SalesforceRunHeld | SalesforceRunEnded,
    *,
    wait: timedelta = timedelta(),
) -> None:
    try:
        runs.record(leased, event, wait=wait)
    except (LostLeaseError, RunStateError):
        return
