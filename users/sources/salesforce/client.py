"""Salesforce over HTTP: bounded in time, tried again with patience, and within budget.

One client serves one run in one thread.  What may not be repeated is tried once.
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from users.sources.salesforce import login, soql
from users.sources.salesforce.errors import (
    DifferentOrgError,
    LimitReachedError,
    LoginError,
    RefusedError,
    UnavailableError,
)
from users.sources.salesforce.ids import canonical
from users.sources.salesforce.login import AGAIN, Session
from users.sources.salesforce.options import Options
from users.sources.salesforce.transport import Answer, exchange, reason_of

TOO_SLOW = "QUERY_TIMEOUT"
AGAIN_CODES = frozenset({"UNABLE_TO_LOCK_ROW", TOO_SLOW, "SERVER_UNAVAILABLE"})
LIMIT_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "TXN_SECURITY_METERING_ERROR"})
LONGEST_WAIT = 900  # seconds that Retry-After may ask for
MOST_SESSIONS = 3  # a request: a new one that is refused at once helps nobody
PAGE_TRIES = 3
APP = "annals"
USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")

JSON = "application/json"

logger = logging.getLogger(__name__)
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request below ``/services/data/v…``.

    Attributes:
        body: Sent as JSON.
        version: Of the API; empty for that of the settings.
        may_repeat: Whether it does no harm to make it twice.
    """

    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: Mapping[str, str] | None = None
    accept: str = JSON
    version: str = ""
    may_repeat: bool = True


@dataclass(slots=True, kw_only=True)
class Budget:
    """Requests of ours, and of the whole org today, as Salesforce last told us."""

    calls: int = 0
    used: int = 0
    most: int = 0

    def refuse_excess(self, told: Options) -> None:
        """Go on only while there is something left of our share, and of the org's.

        Raises:
            LimitReachedError: There is not.
        """
        if not self.most:
            return
        if self.calls >= told.max_api_share_run * self.most:
            reason = f"this run made {self.calls} of {self.most} requests a day"
            raise LimitReachedError(reason)
        if self.used >= told.max_api_share_org * self.most:
            reason = f"the org made {self.used} of {self.most} requests"
            raise LimitReachedError(reason)


class AgainError(Exception):
    """This try failed; the next one may not."""

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        self.reason = reason
        self.wait = wait
        super().__init__(reason)


class Client:
    """One way to the org of the settings; close it, or use it as a block.

    Attributes:
        server_time: The clock of Salesforce when it last answered; ours is never asked.
    """

    def __init__(self, told: Options, *, calls: int = 0, org_id: str = "") -> None:
        """Make no request yet.

        Args:
            told: The settings.
            calls: Requests that this run made before.
            org_id: The only org to talk to, 18 characters; empty for any.
        """
        self.budget = Budget(calls=calls)
        self.server_time: datetime | None = None
        self._told = told
        self._org_id = org_id
        self._session: Session | None = None
        self._http = httpx.Client(
            timeout=httpx.Timeout(told.read_timeout, connect=told.connect_timeout),
            follow_redirects=False,  # a token must not travel
            headers={
                "User-Agent": APP,
                "Sforce-Call-Options": f"client={APP}",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    @property
    def org_id(self) -> str:
        """The org that we are in; logs in if need be."""
        return self._logged_in(None).org_id

    @property
    def user_id(self) -> str:
        """Who we are there; logs in if need be."""
        return self._logged_in(None).user_id

    def fields(self, sobject: str) -> dict[str, str]:
        """Return the fields that our user may see, each with its type."""
        told = self._get(f"sobjects/{soql.name(sobject)}/describe", {})
        return {each["name"]: str(each.get("type")) for each in told["fields"]}

    def count(self, text: str) -> int | None:
        """Return how many rows a query has, deleted ones included.

        None where Salesforce cannot count them, as there are too many.
        """
        try:
            return int(self._get("queryAll", {"q": text})["totalSize"])
        except RefusedError:
            return None
        except UnavailableError as error:
            if error.reason != TOO_SLOW:
                raise
            return None

    def limits(self) -> Budget:
        """Ask how the org stands with its requests."""
        daily = self._get("limits", {})["DailyApiRequests"]
        self.budget.most = daily["Max"]
        self.budget.used = daily["Max"] - daily["Remaining"]
        return self.budget

    def covered(self, sobject: str, low: datetime, high: datetime) -> datetime | None:
        """Return up to when Salesforce promises to have shown every change.

        None where it does not say.
        """
        window = {"start": low.isoformat(), "end": high.isoformat()}
        try:
            told = self._get(f"sobjects/{soql.name(sobject)}/updated", window)
            return datetime.fromisoformat(told["latestDateCovered"])
        except (RefusedError, KeyError, ValueError):
            return None

    def query(self, text: str) -> list[Row]:
        """Return every row of a query, those that were deleted included.

        A page is as long as Salesforce says, or is read again; so give a LIMIT.

        Raises:
            UnavailableError: It was another length each time.
        """
        for _ in range(PAGE_TRIES):
            try:
                rows = self._rows(text)
            except RefusedError as error:
                if error.code != "INVALID_QUERY_LOCATOR":
                    raise
                continue
            if rows is not None:
                return rows
        reason = "pages of the wrong length"
        raise UnavailableError(reason)

    def _rows(self, text: str) -> list[Row] | None:
        told = self._get("queryAll", {"q": text})
        total, rows = told["totalSize"], list(told["records"])
        while not told["done"]:
            _, _, locator = told["nextRecordsUrl"].rpartition("/")
            told = self._get(f"query/{locator}", {})
            rows += told["records"]
        ids = {row.get("Id") for row in rows}
        return rows if len(rows) == total == len(ids) else None

    def _get(self, path: str, parameters: Mapping[str, str]) -> Any:
        return self.ask(Request(path=path, parameters=parameters), as_json)

    def ask(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Return what *read* makes of the answer to *request*.

        Args:
            request: Made again after trouble that passes, if that does no harm.
            read: May raise ``AgainError``.

        Raises:
            SalesforceError: There was no answer that makes sense, or it was a refusal.
        """
        reason = ""
        for attempt in range(self._told.max_tries if request.may_repeat else 1):
            try:
                return self._try(request, read)
            except AgainError as error:
                reason, wait = error.reason, error.wait
            except httpx.TransportError as error:
                reason, wait = reason_of(error), 0.0
            logger.info("salesforce asked again", extra={"reason": reason})
            cap = min(self._told.backoff_cap, self._told.backoff_base * 2.0**attempt)
            # Full jitter: those who failed together do not come back together.
            time.sleep(max(wait, random.uniform(0, cap)))  # noqa: S311
        raise UnavailableError(reason)

    def _try(self, request: Request, read: Callable[[Answer], T]) -> T:
        stale: Session | None = None
        for _ in range(MOST_SESSIONS):
            session = self._logged_in(stale)
            self.budget.refuse_excess(self._told)
            answer = self._send(session, request)
            self._note(answer.headers)
            if answer.status != httpx.codes.UNAUTHORIZED:
                _refuse(answer)
                return read(answer)
            stale = session
        code = "INVALID_SESSION_ID"
        raise LoginError(code)

    def _logged_in(self, stale: Session | None) -> Session:
        if self._session is None or self._session == stale:
            made = self._log_in(stale)
            # The same credentials may lead elsewhere by now, in the middle of a run.
            if self._org_id and canonical(made.org_id) != self._org_id:
                raise DifferentOrgError
            self._session = made
        return self._session

    def _log_in(self, stale: Session | None) -> Session:
        reason = ""
        for attempt in range(self._told.max_tries):
            try:
                return login.session(self._http, self._told, stale=stale)
            except httpx.TransportError as error:
                reason = reason_of(error)
            except UnavailableError as error:
                reason = error.reason
            time.sleep(
                random.uniform(0, self._told.backoff_base * 2.0**attempt)  # noqa: S311
            )
        raise UnavailableError(reason)

    def _send(self, session: Session, request: Request) -> Answer:
        version = request.version or self._told.api_version
        self.budget.calls += 1
        built = self._http.build_request(
            request.method,
            f"{session.instance_url}/services/data/v{version}/{request.path}",
            params=request.parameters,
            json=request.body,
            headers={
                "Authorization": f"Bearer {session.token}",
                "Accept": request.accept,
            },
        )
        return exchange(self._http, built, seconds=self._told.request_deadline)

    def _note(self, headers: httpx.Headers) -> None:
        if date := headers.get("Date"):
            self.server_time = parsedate_to_datetime(date).astimezone(UTC)
        if found := USAGE.search(headers.get("Sforce-Limit-Info", "")):
            self.budget.used, self.budget.most = int(found[1]), int(found[2])


def as_json(answer: Answer) -> Any:
    """Return what an answer says.

    Raises:
        AgainError: It is garbled.
    """
    try:
        # Not orjson: it refuses half of a surrogate pair, and people's names have them.
        return json.loads(answer.body)
    except ValueError:
        reason = "an answer that is no JSON"
        raise AgainError(reason) from None


def _refuse(answer: Answer) -> None:
    """Let only an answer pass that says yes."""
    if answer.status in AGAIN:
        wait = answer.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isdecimal() else 0.0
        reason = f"HTTP {answer.status}"
        raise AgainError(reason, wait=min(seconds, LONGEST_WAIT))
    if answer.status < httpx.codes.BAD_REQUEST:
        return
    code = _code(as_json(answer))
    if code in AGAIN_CODES:
        raise AgainError(code)
    if code in LIMIT_CODES:
        raise LimitReachedError(code)
    raise RefusedError(code or f"HTTP {answer.status}")


def _code(told: Any) -> str:
    first = told[0] if isinstance(told, list) and told else told
    code = first.get("errorCode", "") if isinstance(first, dict) else ""
    return str(code)[:80]
