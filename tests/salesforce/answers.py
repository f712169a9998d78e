"""What is said to a request: REST resources of one API, errors in the real shape."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from tests.salesforce.faults import Call, Fault, Faults
from tests.salesforce.jobs import Job, Jobs, described, position_of, to_csv
from tests.salesforce.oauth import Door, OAuthError
from tests.salesforce.org import FIELDS, Org, Record
from tests.salesforce.soql import Query, SoqlError, parse

MOST_ROWS = 2_000  # of a page of a query
LONGEST_URI = 16_384  # bytes
JSON = "application/json;charset=UTF-8"


@dataclass(kw_only=True)
class Asked:
    """One request.

    Attributes:
        path: Below ``/services/data/vNN.0``, without a slash in front.
    """

    method: str
    path: str
    version: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(kw_only=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Cursor:
    """A query under way: the ids are fixed, what they hold is not."""

    query: Query
    sobject: str
    rows: list[Record]
    ids: list[str]
    deleted: bool


@dataclass(kw_only=True)
class Salesforce:
    """The whole of it: an org, its door, its jobs, its troubles.

    Attributes:
        page_size: The most rows of a page of a query.
        shifts: Whether a page is found by counting anew, so that it moves when rows do.
        before_page: Called before each page, for changes under the reader.
        latency: Seconds before each answer.
        changed: Called when a person changed something on the page.
        tick: How far the clock jumps when a run begins: a stamp of this very second is
            left to the next run, and no test waits for a second to end.
        asked: Every request: call, method and path.
    """

    org: Org = field(default_factory=Org)
    door: Door = field(default_factory=Door)
    faults: Faults = field(default_factory=Faults)
    jobs: Jobs = field(default_factory=Jobs)
    page_size: int = MOST_ROWS
    shifts: bool = False
    before_page: Callable[[], None] = field(default=lambda: None)
    latency: float = 0.0
    changed: Callable[[], None] = field(default=lambda: None)
    tick: timedelta = timedelta()
    url: str = ""
    asked: list[tuple[Call, str, str]] = field(default_factory=list)
    cursors: dict[str, Cursor] = field(default_factory=dict)

    def token(self, body: bytes) -> Reply:
        """Answer the token endpoint."""
        try:
            opened = self.door.open(dict(parse_qsl(body.decode())))
        except OAuthError as error:
            told = {"error": error.code, "error_description": str(error)}
            return as_json(told, status=400)
        identity = f"{self.url}/id/{self.org.org_id}/005000000000001AAC"
        return as_json(opened | {"instance_url": self.url, "id": identity})

    def answer(self, asked: Asked, fault: Fault | None) -> Reply:
        """Answer a request of the API."""
        self.org.api_used += 1
        if self.org.api_used > self.org.api_limit or fault == Fault.LIMIT:
            text = "TotalRequests Limit exceeded."
            return problem(403, "REQUEST_LIMIT_EXCEEDED", text)
        if len(asked.path) + len(str(asked.query)) > LONGEST_URI:
            return problem(414, "URI_TOO_LONG", "URI Too Long")
        try:
            with self.org.lock:
                return self._resource(asked, fault)
        except SoqlError as error:
            return problem(400, error.code, str(error))
        except KeyError:
            text = "The requested resource does not exist"
            return problem(404, "NOT_FOUND", text)

    # One table, and a table may be long.
    def _resource(  # noqa: C901, PLR0911
        self, asked: Asked, fault: Fault | None
    ) -> Reply:
        parts = asked.path.strip("/").split("/")
        match asked.method, parts:
            case "GET", ["query" | "queryAll" as verb]:
                return self._query(asked, fault, deleted=verb == "queryAll")
            case "GET", ["query" | "queryAll", locator]:
                return self._more(asked, locator, fault)
            case "GET", ["sobjects", sobject, "describe"]:
                return self._describe(sobject)
            case "GET", ["sobjects", sobject, "updated" | "deleted" as verb]:
                return self._changes(sobject, asked.query, deleted=verb == "deleted")
            case "GET", ["limits"]:
                left = self.org.api_limit - self.org.api_used
                most = {"Max": self.org.api_limit, "Remaining": left}
                return as_json({"DailyApiRequests": most})
            case "POST", ["composite", "sobjects", sobject]:
                return self._collection(sobject, json.loads(asked.body))
            case (("PATCH" | "POST" | "DELETE"), ["sobjects", sobject, *identity]):
                return self._write(asked, sobject, identity)
            case _, ["jobs", "query", *rest]:
                return self._job(asked, rest, fault)
            case _:
                raise KeyError(asked.path)

    def _query(self, asked: Asked, fault: Fault | None, *, deleted: bool) -> Reply:
        if fault == Fault.LOCKED:
            text = "unable to obtain exclusive access to this record"
            return problem(400, "UNABLE_TO_LOCK_ROW", text)
        if fault == Fault.SLOW:
            return problem(400, "QUERY_TIMEOUT", "Your query request timed out")
        query = parse(asked.query["q"], hidden=self.org.hidden)
        if query.counts:
            rows = query.run(self.org.snapshot(query.sobject), deleted=deleted)
            return as_json({"totalSize": len(rows), "done": True, "records": []})
        self.before_page()
        rows = query.run(self.org.snapshot(query.sobject), deleted=deleted)
        cursor = Cursor(
            query=query,
            sobject=query.sobject,
            rows=rows,
            ids=[row["Id"] for row in rows],
            deleted=deleted,
        )
        locator = f"01g{secrets.token_hex(6)}"
        self.cursors[locator] = cursor
        return self._page(asked, locator, 0, fault)

    def _more(self, asked: Asked, locator: str, fault: Fault | None) -> Reply:
        name, _, start = locator.rpartition("-")
        if name not in self.cursors or fault == Fault.LOST_LOCATOR:
            self.cursors.pop(name, None)
            return problem(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        self.before_page()
        return self._page(asked, name, int(start), fault)

    def _page(
        self, asked: Asked, locator: str, start: int, fault: Fault | None
    ) -> Reply:
        cursor = self.cursors[locator]
        rows = cursor.rows
        if self.shifts:
            table = self.org.snapshot(cursor.sobject)
            rows = cursor.query.run(table, deleted=cursor.deleted)
        size = min(self.page_size, _batch_size(asked.headers))
        table_now = self.org.tables[cursor.sobject]
        page = [table_now.get(row["Id"], row) for row in rows[start : start + size]]
        end = start + len(page)
        page = spoilt(page, fault)
        told: dict[str, Any] = {
            "totalSize": len(rows),
            "done": end >= len(rows),
            "records": [
                _record(cursor.sobject, row, cursor.query.fields, asked.version)
                for row in page
            ],
        }
        if not told["done"]:
            base = f"/services/data/v{asked.version}"
            told["nextRecordsUrl"] = f"{base}/query/{locator}-{end}"
        return as_json(told)

    def _describe(self, sobject: str) -> Reply:
        self.org.skew += self.tick
        fields = [
            {"name": name, "type": kind, "nillable": True, "filterable": True}
            for name, kind in FIELDS[sobject].items()
            if name not in self.org.hidden
        ]
        told = {"name": sobject, "queryable": True, "replicateable": True}
        return as_json(told | {"fields": fields})

    def _changes(
        self, sobject: str, query: Mapping[str, str], *, deleted: bool
    ) -> Reply:
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        found = [
            record
            for record in self.org.snapshot(sobject)
            if bool(record.get("IsDeleted")) == deleted
            and start <= record["SystemModstamp"] < end
        ]
        covered = {"latestDateCovered": rest_time(min(end, self.org.covered()))}
        if not deleted:
            return as_json({"ids": [each["Id"] for each in found]} | covered)
        told = [
            {"id": each["Id"], "deletedDate": rest_time(each["SystemModstamp"])}
            for each in found
        ]
        return as_json({"deletedRecords": told} | covered)

    def _collection(self, sobject: str, body: Mapping[str, Any]) -> Reply:
        table = self.org.tables[sobject]
        found = [table.get(each) for each in body["ids"]]
        return as_json(
            [
                None
                if record is None or record.get("IsDeleted")
                else _record(sobject, record, body["fields"], "60.0")
                for record in found
            ]
        )

    def _write(self, asked: Asked, sobject: str, identity: list[str]) -> Reply:
        values = json.loads(asked.body) if asked.body else {}
        if asked.method == "POST":
            made = self.org.create(sobject, **values)
            return as_json({"id": made, "success": True, "errors": []}, status=201)
        if asked.method == "DELETE":
            self.org.delete(identity[0])
        else:
            self.org.update(identity[0], **values)
        return Reply(status=204)

    def _job(self, asked: Asked, rest: list[str], fault: Fault | None) -> Reply:
        if rest:
            return self._one_job(asked, *rest, fault=fault)
        if asked.method == "GET":
            return self._jobs(asked)
        if self.jobs.refused:
            return problem(403, self.jobs.refused, "There are no jobs for you")
        body = json.loads(asked.body)
        return as_json(self.jobs.make(self.org, body, asked.version))

    def _one_job(
        self, asked: Asked, job_id: str, *rest: str, fault: Fault | None
    ) -> Reply:
        if fault == Fault.GONE:
            del self.jobs.known[job_id]
        job = self.jobs.known[job_id]
        match asked.method, rest:
            case "GET", []:
                return as_json(self.jobs.ask(job))
            case "GET", ["results"]:
                return self._results(asked, job, fault)
            case "PATCH", []:
                return as_json(self.jobs.abort(job))
            case "DELETE", []:
                if self.jobs.delete(job):
                    return Reply(status=204)
                return problem(400, "INVALIDJOBSTATE", "The job is at work")
            case _:
                raise KeyError(asked.path)

    def _jobs(self, asked: Asked) -> Reply:
        """Return the list of jobs, one a page of it, newest first."""
        known = [described(each) for each in reversed(self.jobs.known.values())]
        start = int(asked.query.get("queryLocator", "0"))
        following = start + 1
        url = f"/services/data/v{asked.version}/jobs/query?queryLocator={following}"
        done = following >= len(known)
        told = {"done": done, "nextRecordsUrl": None if done else url}
        return as_json(told | {"records": known[start:following]})

    def _results(self, asked: Asked, job: Job, fault: Fault | None) -> Reply:
        if job.version != asked.version:
            return problem(409, "INVALIDVERSION", "Use the version of the job")
        if job.state != "JobComplete":
            return problem(400, "INVALIDJOBSTATE", "There are no results yet")
        if fault == Fault.LOST_LOCATOR:
            return problem(400, "INVALIDLOCATOR", "There is no such locator")
        rows, count, locator = self.jobs.results(
            job,
            start=position_of(asked.query.get("locator", "")),
            most=int(asked.query.get("maxRecords", "50000")),
        )
        return Reply(
            body=to_csv(job.query.fields, spoilt(rows, fault)),
            headers={
                "Content-Type": "text/csv; charset=UTF-8",
                "Sforce-NumberOfRecords": str(count),
                "Sforce-Locator": locator,
            },
        )


def spoilt(rows: list[Any], fault: Fault | None) -> list[Any]:
    if fault == Fault.SHORT:
        return rows[: -min(7, len(rows))]
    return rows[:7] + rows if fault == Fault.DUPLICATE else rows


def as_json(told: Any, *, status: int = 200) -> Reply:
    body = json.dumps(told).encode()
    return Reply(status=status, body=body, headers={"Content-Type": JSON})


def problem(status: int, code: str, text: str) -> Reply:
    return as_json([{"message": text, "errorCode": code}], status=status)


def rest_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _batch_size(headers: Mapping[str, str]) -> int:
    options = headers.get("sforce-query-options", "")
    _, _, size = options.partition("batchSize=")
    return max(200, min(int(size), MOST_ROWS)) if size else MOST_ROWS


def _record(
    sobject: str, record: Record, fields: list[str], version: str
) -> dict[str, Any]:
    url = f"/services/data/v{version}/sobjects/{sobject}/{record['Id']}"
    told = {
        name: rest_time(record[name])
        if isinstance(record[name], datetime)
        else record[name]
        for name in fields
    }
    return {"attributes": {"type": sobject, "url": url}} | told
