from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client

from eventstore import store
from tests.factories import appended, renamed, user_created
from tests.rest import problem
from tests.users.test_api import api

__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("committed_db")


def positions(response: Any) -> list[int]:
    return [event["position"] for event in response.json()["results"]]


def test_pages_through_the_log_in_both_directions(api: Client) -> None:
    for number in range(5):
        appended(f"user-{number}")
    first = api.get("/api/v1/events", {"limit": 2}).json()
    second = api.get(first["next"])
    third = api.get(second.json()["next"])
    assert [positions(second), positions(third)] == [[3, 2], [1]]
    assert third.json()["next"] is None
    assert positions(api.get(third.json()["previous"])) == [3, 2]
    assert second["Link"] == (
        '<http://testserver/api/v1/events?limit=2&before=2>; rel="next",'
        ' <http://testserver/api/v1/events?limit=2&after=3>; rel="previous"'
    )


def test_every_filter_narrows_the_log(api: Client) -> None:
    conversation = uuid4()
    appended("user-1", user_created(), renamed())
    appended("user-2", actor="staff:ada", source="admin", correlation_id=conversation)
    (last,) = store.read_stream("user-2")
    when = last.recorded_at.isoformat()
    queries: list[tuple[dict[str, Any], list[int]]] = [
        ({"stream": "user-1"}, [2, 1]),
        ({"type": "UserNameChanged"}, [2]),
        ({"type": ["UserNameChanged", "UserCreated"]}, [3, 2, 1]),
        ({"actor": "staff:ada"}, [3]),
        ({"source": "admin"}, [3]),
        ({"source": "rest", "type": "UserCreated"}, [1]),
        ({"correlation": str(conversation)}, [3]),
        ({"since": when}, [3]),
        ({"until": when}, [2, 1]),
        ({"until": when, "before": 2}, [1]),
        ({"until": when, "after": 1}, [2]),
        ({"type": "Nothing"}, []),
    ]
    for query, expected in queries:
        assert positions(api.get("/api/v1/events", query)) == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"before": "0"}, "before"),
        ({"after": "x"}, "after"),
        ({"before": "1", "after": "1"}, "after"),
        ({"stream": "a\x00"}, "stream"),
        ({"type": "x" * 301}, "type"),
        ({"type": ["x"] * 21}, "type"),
        ({"correlation": "1"}, "correlation"),
        ({"since": "yesterday"}, "since"),
    ],
)
def test_refuses_a_filter_that_makes_no_sense(
    api: Client, query: dict[str, Any], name: str
) -> None:
    response = api.get("/api/v1/events", query)
    assert response.status_code == 400
    assert problem(response)["errors"][0]["parameter"] == name


def test_tells_what_was_recorded_around_an_instant(api: Client) -> None:
    done = [appended(f"user-{number}") for number in range(4)]
    at = done[1].recorded_at
    url = "/api/v1/events/around"
    told = api.get(f"{url}?{urlencode({'at': at.isoformat(), 'limit': 2})}")
    assert positions(told) == [2, 3]
    assert (told.json()["position"], told.json()["is_cut"]) == (2, True)
    early = at - timedelta(hours=1)
    told = api.get(f"{url}?{urlencode({'at': early.isoformat(), 'window': 60})}")
    assert told.json() == {"position": None, "results": [], "is_cut": False}


@pytest.mark.parametrize(
    "query",
    [{}, {"at": "x"}, {"at": "0001-01-01T00:00:00Z"}, {"at": "x", "window": "0"}],
)
def test_refuses_an_instant_that_is_none(api: Client, query: dict[str, str]) -> None:
    assert api.get("/api/v1/events/around", query).status_code == 400


def test_a_conversation_is_told_as_a_tree(api: Client) -> None:
    conversation = uuid4()
    appended("user-1", correlation_id=conversation, causation_id=uuid4())
    (root,) = store.read_stream("user-1")
    appended("user-2", correlation_id=conversation)
    appended("user-3", correlation_id=conversation, causation_id=root.event_id)
    (child,) = store.read_stream("user-3")
    appended("user-4", correlation_id=conversation, causation_id=child.event_id)
    appended("user-5", causation_id=root.event_id)
    told = api.get(f"/api/v1/correlations/{conversation}").json()
    assert [
        (node["event"]["stream"], node["depth"], node["cause"])
        for node in told["results"]
    ] == [("user-1", 0, None), ("user-3", 1, 1), ("user-4", 2, 3), ("user-2", 0, None)]
    assert (told["correlation_id"], told["is_cut"]) == (str(conversation), False)
    missing = api.get(f"/api/v1/correlations/{uuid4()}")
    assert problem(missing)["detail"] == "No event has this correlation id."


def test_only_clients_read_the_log() -> None:
    for url in ("events", "events/around", f"correlations/{uuid4()}"):
        assert Client().get(f"/api/v1/{url}").status_code == 401
