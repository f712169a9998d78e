"""Bulk API 2.0 query jobs: made, worked at, fetched page by page, deleted."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.salesforce.org import SOMEBODY, Org, Record
from tests.salesforce.soql import Query, parse

END_STATES = ("JobComplete", "Failed", "Aborted")


@dataclass(kw_only=True)
class Job:
    job_id: str
    query: Query
    text: str
    operation: str
    version: str
    rows: list[Record]
    made_at: datetime
    made_by: str = SOMEBODY
    state: str = "UploadComplete"
    polls_left: int = 1
    withheld: int = 0
    fails_as: str = ""


@dataclass(kw_only=True)
class Jobs:
    """Every job that is not deleted yet.

    Attributes:
        failures: End states of the jobs to come, one a job, before any succeeds.
        page_limit: The most rows of a page, whatever is asked for.
        polls: How often one must ask until a job is complete.
        withholds: Rows that the jobs to come know of and never show, a number a job.
        refused: Why no job can be made; empty when one can.
    """

    failures: list[str] = field(default_factory=list)
    page_limit: int = 250_000
    polls: int = 1
    withholds: list[int] = field(default_factory=list)
    refused: str = ""
    made: int = 0
    deleted: int = 0
    known: dict[str, Job] = field(default_factory=dict)

    def make(self, org: Org, body: Mapping[str, Any], version: str) -> dict[str, Any]:
        query = parse(body["query"], hidden=org.hidden)
        deleted = body["operation"] == "queryAll"
        self.made += 1
        job = Job(
            job_id=f"750{self.made:012d}AAA",
            query=query,
            text=body["query"],
            operation=body["operation"],
            version=version,
            rows=query.run(org.snapshot(query.sobject), deleted=deleted),
            made_at=org.now(),
            polls_left=self.polls,
            fails_as=self.failures.pop(0) if self.failures else "",
        )
        if self.withholds:
            job.withheld = self.withholds.pop(0)
            del job.rows[: job.withheld]
        self.known[job.job_id] = job
        return described(job)

    def ask(self, job: Job) -> dict[str, Any]:
        if job.state not in END_STATES:
            job.polls_left -= 1
            job.state = "InProgress"
            if job.polls_left <= 0:
                job.state = job.fails_as or "JobComplete"
        return described(job)

    def abort(self, job: Job) -> dict[str, Any]:
        if job.state not in END_STATES:
            job.state = "Aborted"
        return described(job)

    def delete(self, job: Job) -> bool:
        """Delete a job, unless it is still at work."""
        if job.state == "InProgress":
            return False
        del self.known[job.job_id]
        self.deleted += 1
        return True

    def results(
        self, job: Job, *, start: int, most: int
    ) -> tuple[list[list[str]], int, str]:
        """Return rows as text, how many they are, and the next locator."""
        rows = job.rows[start : start + min(most, self.page_limit)]
        end = start + len(rows)
        told = [[_text(record[name]) for name in job.query.fields] for record in rows]
        return told, len(rows), _locator(end) if end < len(job.rows) else "null"


def described(job: Job) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": job.job_id,
        "operation": job.operation,
        "object": job.query.sobject,
        "createdById": job.made_by,
        "createdDate": job.made_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "jobType": "V2Query",
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    if job.state == "JobComplete":
        told |= {"numberRecordsProcessed": len(job.rows) + job.withheld, "retries": 0}
    if job.state == "Failed":
        told |= {"errorMessage": "InternalServerError: Retried more than 15 times"}
    return told


def to_csv(fields: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def position_of(locator: str) -> int:
    return int(locator.removeprefix("MTA"), 36) if locator else 0


def _locator(position: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while position:
        position, digit = divmod(position, 36)
        text = digits[digit] + text
    return f"MTA{text}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(value)
