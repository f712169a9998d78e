"""What goes wrong, when it is asked for or by chance."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from enum import StrEnum


class Call(StrEnum):
    """What a request asks for."""

    TOKEN = "token"
    QUERY = "query"
    COUNT = "count"  # a query that only counts
    MORE = "more"  # the next page of a query
    DESCRIBE = "describe"
    UPDATED = "updated"
    LIMITS = "limits"
    JOB = "job"  # make, ask about, or delete one
    RESULTS = "results"
    OTHER = "other"


class Fault(StrEnum):
    """One way to fail; the comments say what the client meets."""

    HANG = "hang"  # the request is taken, and nothing is ever said
    DRIP = "drip"  # the answer comes byte by byte
    RESET = "reset"  # the connection is reset in the middle of the answer
    TRUNCATE = "truncate"  # the body ends before its Content-Length
    SHORT = "short"  # a page that lacks its last rows
    DUPLICATE = "duplicate"  # a page that repeats its first rows
    HTML = "html"  # 200, and a page for people
    BAD_JSON = "bad_json"  # 200, and half of an answer, complete as HTTP
    GARBLED = "garbled"  # 200, said to be compressed, and is not
    UNAVAILABLE = "unavailable"  # 503 with JSON
    TOO_MANY = "too_many"  # 429 with Retry-After
    EXPIRED = "expired"  # 401 INVALID_SESSION_ID
    EMPTY_401 = "empty_401"  # 401 without a body
    LIMIT = "limit"  # 403 REQUEST_LIMIT_EXCEEDED
    LOCKED = "locked"  # 400 UNABLE_TO_LOCK_ROW
    SLOW = "slow"  # 400 QUERY_TIMEOUT
    LOST_LOCATOR = "lost_locator"  # 400 INVALID_QUERY_LOCATOR
    GONE = "gone"  # the job was deleted by somebody else


@dataclass(kw_only=True)
class Faults:
    """Which faults come next.

    Attributes:
        chance: How likely any request meets one of *kinds*.
        seen: Every fault that was met, with its call.
    """

    chance: float = 0.0
    kinds: tuple[Fault, ...] = ()
    dice: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311
    seen: list[tuple[Call, Fault]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    _planned: list[tuple[Call, Fault, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, call: Call, fault: Fault, *, times: int = 1, after: int = 0) -> None:
        """Let *fault* befall the next *times* requests, past the *after* next ones."""
        self._planned += [(call, fault, after)] * times

    def met_by(self, call: Call) -> Fault | None:
        """Return what befalls this request."""
        with self._lock:
            fault = self._next(call)
            if fault:
                self.seen.append((call, fault))
            return fault

    def _next(self, call: Call) -> Fault | None:
        for place, (wanted, fault, after) in enumerate(self._planned):
            if wanted != call:
                continue
            if after:
                self._planned = [
                    (each, it, left - (each == call))
                    for each, it, left in self._planned
                ]
                return None
            del self._planned[place]
            return fault
        if self.kinds and self.dice.random() < self.chance:
            return self.dice.choice(self.kinds)
        return None
