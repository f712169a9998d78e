"""Query jobs of the Bulk API 2.0: made, asked about, fetched as CSV, deleted.

Rows come out as the REST API would say them, so that a record is the same record
whichever way it was read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from users.sources.salesforce.client import (
    PAGE_TRIES,
    AgainError,
    Client,
    Request,
    Row,
    as_json,
)
from users.sources.salesforce.errors import RefusedError, UnavailableError
from users.sources.salesforce.translate import STAMPS, instant
from users.sources.salesforce.transport import Answer

JOBS = "jobs/query"
QUERY_ALL = "queryAll"  # deleted records, too
DONE = "JobComplete"
LOST = frozenset({"Failed", "Aborted"})
NO_MORE = ("", "null")  # locators
GONE = frozenset({"NOT_FOUND", "HTTP 404"})
NO_JOB = "an answer that tells of no job"
LONGEST_ERROR = 200  # characters
MOST_LISTS = 10  # pages of jobs that are looked through


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as Salesforce tells of it.

    Attributes:
        version: Of the API; what it found is fetched by the same one.
        records: What it found; None where Salesforce does not say.
        error: Why it failed.
    """

    job_id: str
    state: str
    version: str
    made_at: datetime | None
    made_by: str
    operation: str
    sobject: str
    records: int | None
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A page of what a job found.

    Attributes:
        locator: Of the next page; empty after the last one.
    """

    rows: list[Row]
    locator: str


def make(client: Client, query: str) -> Job:
    """Let Salesforce begin to look; tried once, as each try may make a job.

    Raises:
        UnavailableError: There may be a job now, or there may be none.
        SalesforceError: There is none.
    """
    body = {"operation": QUERY_ALL, "query": query}
    request = Request(method="POST", path=JOBS, body=body, may_repeat=False)
    return client.ask(request, _job)


def find(client: Client, job_id: str, *, version: str) -> Job:
    """Return how a job stands.

    Raises:
        RefusedError: There is none of this id.
    """
    return client.ask(Request(path=_path(job_id), version=version), _job)


def listed(client: Client) -> list[Job]:
    """Return the jobs of the org, whoever made them; at most ten lists of them."""
    found: list[Job] = []
    parameters = {"jobType": "V2Query"}
    for _ in range(MOST_LISTS):
        jobs, locator = client.ask(Request(path=JOBS, parameters=parameters), _listed)
        found += jobs
        if not locator:
            break
        parameters = {"queryLocator": locator}
    return found


def delete(client: Client, job_id: str, *, version: str) -> None:
    """Delete a job, at work or not; one that is gone is no trouble.

    Raises:
        SalesforceError: It is still there, as far as we know.
    """
    path = _path(job_id)
    request = Request(method="DELETE", path=path, version=version)
    try:
        client.ask(request, _nothing)
    except RefusedError as error:
        if error.code in GONE:
            return
        stop = {"state": "Aborted"}
        client.ask(
            Request(method="PATCH", path=path, body=stop, version=version), _nothing
        )
        client.ask(request, _nothing)


def results(
    client: Client,
    job: tuple[str, str],
    *,
    fields: Sequence[str],
    flags: Collection[str],
    locator: str,
    most: int,
) -> Results:
    """Return a page of what a job found: as long as Salesforce says, or read again.

    Args:
        client: The way there.
        job: Its id, and the version of the API that made it.
        fields: What was asked for.
        flags: Those of them that are yes or no.
        locator: Where the page begins; empty for the first one.
        most: Rows of it.

    Raises:
        UnavailableError: It was another length each time.
        RefusedError: The job is gone, or the locator is.
    """
    job_id, version = job
    parameters = {"maxRecords": str(most)} | ({"locator": locator} if locator else {})
    request = Request(
        path=f"{_path(job_id)}/results",
        parameters=parameters,
        accept="text/csv",
        version=version,
    )
    for _ in range(PAGE_TRIES):
        answer, rows = client.ask(
            request, lambda answer: (answer, _rows(answer, fields, flags))
        )
        said = answer.headers.get("Sforce-NumberOfRecords", "")
        if said == str(len(rows)) == str(len({row["Id"] for row in rows})):
            following = answer.headers.get("Sforce-Locator", "")
            return Results(rows=rows, locator="" if following in NO_MORE else following)
    reason = "results of the wrong length"
    raise UnavailableError(reason)


def _rows(answer: Answer, fields: Sequence[str], flags: Collection[str]) -> list[Row]:
    """Return the rows of a CSV.  Its empty cells are what has no value.

    Salesforce keeps no empty text: what is empty there is null, so nothing is lost.

    Raises:
        AgainError: It is garbled, or has other columns.
    """
    reason = "an answer that is no CSV"
    try:
        # Names have halves of surrogate pairs, and line ends of any kind.
        text = io.StringIO(answer.body.decode("utf-8", "surrogatepass"), newline="")
        header, *cells = list(csv.reader(text, strict=True)) or [[]]
    except (UnicodeDecodeError, csv.Error):
        raise AgainError(reason) from None
    if sorted(header) != sorted(fields) or any(len(c) != len(header) for c in cells):
        raise AgainError(reason)
    return [
        {
            name: _value(name, cell, flags)
            for name, cell in zip(header, each, strict=True)
        }
        for each in cells
    ]


def _value(name: str, cell: str, flags: Collection[str]) -> str | bool | None:
    if name in flags:
        return cell == "true"
    return cell.replace("Z", "+0000") if name in STAMPS else cell or None


def _nothing(_: Answer) -> None:
    """Take the answer for a yes; it says no more."""


def _job(answer: Answer) -> Job:
    try:
        return _as_job(as_json(answer))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AgainError(NO_JOB) from None


def _listed(answer: Answer) -> tuple[list[Job], str]:
    try:
        page = as_json(answer)
        _, _, locator = str(page.get("nextRecordsUrl") or "").partition("queryLocator=")
        jobs = [_as_job(each) for each in page["records"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AgainError(NO_JOB) from None
    return jobs, locator


def _as_job(said: Row) -> Job:
    records = said.get("numberRecordsProcessed")
    made_at = said.get("createdDate")
    return Job(
        job_id=str(said["id"]),
        state=str(said["state"]),
        version=str(said.get("apiVersion") or ""),
        made_at=instant(made_at) if made_at else None,
        made_by=str(said.get("createdById") or ""),
        operation=str(said.get("operation") or ""),
        sobject=str(said.get("object") or ""),
        records=None if records is None else int(records),
        error=str(said.get("errorMessage") or "")[:LONGEST_ERROR],
    )


def _path(job_id: str) -> str:
    return f"{JOBS}/{quote(job_id, safe='')}"
