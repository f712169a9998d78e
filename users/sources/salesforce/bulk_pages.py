"""Reading by a job of the Bulk API: made, waited for, fetched page by page, deleted.

The run's stream has the job and the locator of the next page, so that any worker goes
on where the last one stood.  A job that comes to nothing is replaced.  After the third
one the records are asked for page by page, from the first one on: what was read before
leads to nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from users.models import SalesforceJob, SalesforceRun
from users.sources.salesforce import jobs, pages, runs, soql
from users.sources.salesforce.client import Client
from users.sources.salesforce.errors import (
    RefusedError,
    SalesforceError,
    UnavailableError,
)
from users.sources.salesforce.events import (
    SalesforceJobDone,
    SalesforceJobLost,
    SalesforceJobMade,
)
from users.sources.salesforce.jobs import Job
from users.sources.salesforce.options import Options
from users.sources.salesforce.pages import Page
from users.sources.salesforce.run_state import Run
from users.sources.salesforce.runs import Leased

MOST_JOBS = 3  # of a run
LONGEST_JOB = timedelta(hours=24)
POLLS_A_JOB = 10  # or so: the wait is this part of the job's age
LONGEST_POLL = 30.0  # seconds

logger = logging.getLogger(__name__)


def is_worth_it(expected: int | None, told: Options) -> bool:
    """Say whether so many records are read by a job; None is too many to be counted."""
    return expected is None or expected > told.bulk_threshold


def wait(leased: Leased, client: Client, told: Options) -> float | None:
    """Bring the job of a run one step on.

    Returns:
        The seconds after which to look again; None when the next page can be read.

    Raises:
        SalesforceError: Salesforce could not be asked; the run stands where it stood.
    """
    run = leased.run
    if not run.is_bulk or run.is_job_done:
        return None
    if run.job_id:
        return _look(leased, client, told)
    _make(leased, client, told)
    return _pause(leased.run, client, told)


def read(leased: Leased, client: Client, told: Options) -> Page | None:
    """Return the next page of the run's job; None if there is nothing more from it.

    Raises:
        SalesforceError: It could not be read; the run stands where it stood.
    """
    run = leased.run
    try:
        found = jobs.results(
            client,
            (run.job_id, run.job_version),
            fields=run.fields,
            flags=run.flags,
            locator=run.locator,
            most=told.bulk_page_size,
        )
    except RefusedError as error:
        _lose(leased, error.code)
        return None
    whole = run.job_read + len(found.rows)
    if not found.locator and run.job_records not in (None, whole):
        _lose(leased, f"{whole} of {run.job_records} records")
        return None
    return Page(
        rows=found.rows,
        last_id="",
        last_stamp=None,
        is_last=not found.locator,
        locator=found.locator,
    )


def clear(leased: Leased, client: Client) -> None:
    """Delete the jobs that nobody reads from any more; what fails is done next time."""
    theirs = SalesforceRun.objects.filter(is_active=True).exclude(run_id=leased.run_id)
    mine = "" if leased.run.is_read else leased.run.job_id
    left = SalesforceJob.objects.exclude(job_id=mine)
    for row in left.exclude(run_id__in=theirs.values("run_id")):
        try:
            jobs.delete(client, row.job_id, version=row.version)
        except SalesforceError as error:
            logger.warning("salesforce job left", extra={"reason": str(error)})
            return
        row.delete()


def _look(leased: Leased, client: Client, told: Options) -> float | None:
    run = leased.run
    try:
        job = jobs.find(client, run.job_id, version=run.job_version)
    except RefusedError as error:
        _lose(leased, error.code)
        return 0.0
    if job.state == jobs.DONE:
        done = SalesforceJobDone(job_id=run.job_id, records=job.records)
        runs.record(leased, done)
        return None
    if lost := _what_is_wrong(job, run, client):
        _lose(leased, lost)
        return 0.0
    return _pause(run, client, told)


def _make(leased: Leased, client: Client, told: Options) -> None:
    run = leased.run
    query = soql.select(run.fields, run.sobject, where=pages.window(run))
    reason = ""
    for _ in range(told.max_tries):
        _delete_strays(run, client)
        try:
            made = jobs.make(client, query)
        except UnavailableError as error:
            reason = error.reason  # there may be one now: the next round deletes it
            continue
        except RefusedError as error:
            _lose(leased, error.code, is_given_up=True)
            return
        _note(leased, made, client, told)
        return
    raise UnavailableError(reason)


def _what_is_wrong(job: Job, run: Run, client: Client) -> str:
    if job.state in jobs.LOST:
        return f"{job.state} {job.error}".strip()
    return "it takes too long" if _age(run, client) > LONGEST_JOB else ""


def _note(leased: Leased, job: Job, client: Client, told: Options) -> None:
    made_at = job.made_at or client.server_time or timezone.now()
    version = job.version or told.api_version
    with transaction.atomic():
        SalesforceJob.objects.create(
            job_id=job.job_id, run_id=leased.run_id, version=version
        )
        made = SalesforceJobMade(job_id=job.job_id, version=version, made_at=made_at)
        runs.record(leased, made)


def _delete_strays(run: Run, client: Client) -> None:
    """Delete jobs of this run that nobody noted: the answer was lost, or the worker."""
    noted = set(SalesforceJob.objects.values_list("job_id", flat=True))
    for job in jobs.listed(client):
        if job.job_id not in noted and _is_mine(job, run, client):
            jobs.delete(client, job.job_id, version=job.version)


def _is_mine(job: Job, run: Run, client: Client) -> bool:
    """Say whether a job is this run's: another one's is never deleted.

    It is of our own user, for the same object, and younger than the run; and one run of
    an object is under way at a time.
    """
    is_ours = job.made_by[:15] == client.user_id[:15] != ""
    is_alike = (job.sobject, job.operation) == (run.sobject, jobs.QUERY_ALL)
    return is_ours and is_alike and _is_since(job.made_at, run.high)


def _is_since(made_at: datetime | None, high: datetime | None) -> bool:
    return made_at is not None and high is not None and made_at >= high


def _lose(leased: Leased, reason: str, *, is_given_up: bool = False) -> None:
    run = leased.run
    is_last = is_given_up or run.jobs_lost + 1 >= MOST_JOBS
    logger.warning("salesforce job lost", extra={"reason": reason})
    lost = SalesforceJobLost(job_id=run.job_id, reason=reason, is_given_up=is_last)
    runs.record(leased, lost)


def _pause(run: Run, client: Client, told: Options) -> float:
    """Return how long to wait: longer, the longer it takes already."""
    part = _age(run, client).total_seconds() / POLLS_A_JOB
    return min(LONGEST_POLL, max(told.bulk_poll_seconds, part))


def _age(run: Run, client: Client) -> timedelta:
    if run.job_made_at is None or client.server_time is None:
        return timedelta()
    return client.server_time - run.job_made_at
