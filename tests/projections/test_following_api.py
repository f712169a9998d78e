from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from eventstore import store
from projections.api import following
from tests.factories import appended, renamed, user_created
from tests.processes import wait_until
from tests.projections.test_log_api import positions
from tests.rest import problem
from tests.users.test_api import api

__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("committed_db")
EVENTS = "/api/v1/events"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> threading.BoundedSemaphore:
    """Let one request wait, and the test see whether one does."""
    only = threading.BoundedSemaphore(1)
    monkeypatch.setattr(following, "places", only)
    return only


def is_taken(place: threading.BoundedSemaphore) -> bool:
    if place.acquire(blocking=False):
        place.release()
        return False
    return True


def ask(api: Client, **query: Any) -> Any:
    try:
        return api.get(EVENTS, query)
    finally:
        connection.close()


def test_pages_upwards_from_a_position(api: Client) -> None:
    for number in range(5):
        appended(f"user-{number}")
    first = api.get(EVENTS, {"after": 0, "wait": 0, "limit": 3})
    second = api.get(first.json()["next"])
    last = api.get(second.json()["next"])
    assert [positions(each) for each in (first, second, last)] == [
        [1, 2, 3],
        [4, 5],
        [],
    ]
    end = "http://testserver/api/v1/events?wait=0&limit=3&after=5"
    assert last.json() == {"results": [], "next": end, "previous": None}
    assert last["Link"] == f'<{end}>; rel="next"'


def test_filters_and_goes_on_past_what_it_left_out(api: Client) -> None:
    appended("user-1", user_created(), renamed())
    appended("user-2", actor="staff:ada")
    appended("user-3")
    (event,) = store.read_stream("user-2")
    by_type = ask(api, after=0, wait=0, type="UserNameChanged")
    queries: list[tuple[dict[str, Any], list[int]]] = [
        ({"type": ["UserNameChanged", "UserCreated"]}, [1, 2, 3, 4]),
        ({"type": ["UserNameChanged", "UserCreated"], "limit": 2}, [1, 2]),
        ({"actor": "staff:ada"}, [3]),
        ({"since": event.recorded_at.isoformat()}, [3, 4]),
        ({"until": event.recorded_at.isoformat()}, [1, 2]),
    ]
    assert positions(by_type) == [2]
    assert "after=4" in by_type.json()["next"]
    for query, expected in queries:
        assert positions(ask(api, after=0, wait=0, **query)) == expected


def test_answers_as_soon_as_there_is_an_event(
    api: Client, place: threading.BoundedSemaphore
) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, api, after=0, wait=30, type="UserNameChanged")
        wait_until(lambda: is_taken(place))
        appended("user-1", user_created(), renamed())
        assert positions(waiting.result()) == [2]
    assert time.monotonic() - began < 25
    assert not is_taken(place)


def test_answers_empty_when_the_wait_is_over(api: Client) -> None:
    response = api.get(EVENTS, {"after": 0, "wait": 1})
    assert response.status_code == 200
    assert positions(response) == []


def test_waits_for_an_event_that_commits_late(
    api: Client, place: threading.BoundedSemaphore
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            appended("user-late")
            pool.submit(append_and_close, "user-early").result()
            waiting = pool.submit(ask, api, after=0, wait=30)
            wait_until(lambda: is_taken(place))
        assert positions(waiting.result()) == [1, 2]


def append_and_close(stream: str) -> None:
    appended(stream)
    connection.close()


def test_only_so_many_may_wait(api: Client, place: threading.BoundedSemaphore) -> None:
    place.acquire()
    refused = api.get(EVENTS, {"after": 0, "wait": 5})
    assert refused.status_code == 503
    assert problem(refused)["title"] == "Too many waiting"
    assert refused["Retry-After"] == "1"
    appended("user-1")
    assert positions(api.get(EVENTS, {"after": 0, "wait": 5})) == [1]


def test_refuses_a_question_that_makes_no_sense(api: Client) -> None:
    asked = [
        ({"wait": "5"}, "after"),
        ({"wait": "5", "after": "-1"}, "after"),
        ({"wait": "5", "after": "1"}, "after"),
        ({"wait": "31", "after": "0"}, "wait"),
        ({"wait": "x", "after": "0"}, "wait"),
        ({"wait": "1", "after": "0", "before": "9"}, "before"),
    ]
    for query, name in asked:
        response = api.get(EVENTS, query)
        assert response.status_code == 400
        assert problem(response)["errors"][0]["parameter"] == name
