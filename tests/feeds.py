"""The feed in a thread of the test's process, and clients on real sockets."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn

from config.feed.app import Feed
from tests.factories import api_token
from tests.processes import wait_until

PATH = "/api/v1/events/stream"


@dataclass(frozen=True, kw_only=True)
class Heard:
    id: int
    event: str
    data: dict[str, Any]


class Stream:
    """One client: reads event by event, as the standard says."""

    def __init__(self, port: int, token: str, **query: Any) -> None:
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        last = query.pop("last_event_id", None)
        headers |= {} if last is None else {"Last-Event-ID": str(last)}
        self.port = port
        self._talk = HTTPConnection("127.0.0.1", port, timeout=20)
        asked = f"{PATH}?{urlencode(query, doseq=True)}"
        self._talk.request("GET", asked, None, headers)
        self.response: HTTPResponse = self._talk.getresponse()
        self.comments: list[str] = []

    def next(self) -> Heard | None:
        """Return the next event; None at the end of the stream."""
        fields: dict[str, str] = {}
        while line := self.response.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif line.startswith(":"):
                self.comments.append(line[2:].rstrip("\n"))
            elif "data" in fields:
                return Heard(
                    id=int(fields["id"]),
                    event=fields["event"],
                    data=json.loads(fields["data"]),
                )
        return None

    def positions(self, count: int) -> list[int]:
        """Return the ids of the next *count* events."""
        found = [self.next() for _ in range(count)]
        return [heard.id for heard in found if heard]

    def wait_for_comment(self) -> str:
        """Return the next comment, which must come before an event."""
        while not (line := self.response.readline().decode()).startswith(":"):
            assert line in {"retry: 2000\n", "\n"}, "an event, or the end"
        return line[2:].rstrip("\n")

    def close(self) -> None:
        self.response.close()
        self._talk.close()


@contextlib.contextmanager
def feed() -> Iterator[int]:
    """Serve the feed and yield its port."""
    config = uvicorn.Config(
        Feed(), host="127.0.0.1", port=0, lifespan="on", log_config=None
    )
    config.timeout_graceful_shutdown = 6
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


Listen = Callable[..., Stream]


@pytest.fixture
def token(committed_db: str) -> str:
    del committed_db
    return api_token("listener")


@pytest.fixture
def listen(token: str) -> Iterator[Listen]:
    open_streams = []
    with feed() as port:

        def _listen(**query: Any) -> Stream:
            stream = Stream(query.pop("port", port), query.pop("token", token), **query)
            open_streams.append(stream)
            return stream

        yield _listen
        for stream in open_streams:
            stream.close()
