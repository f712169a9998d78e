from __future__ import annotations

import json
import socket
from http.client import HTTPConnection
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from eventstore.masking import MASK
from tests.factories import api_token, appended
from tests.feeds import PATH, Listen, Stream, feed, listen, token
from tests.processes import wait_until
from users.models import ApiToken

__all__ = ["listen", "token"]
pytestmark = pytest.mark.usefixtures("committed_db")


def problem(stream: Stream) -> dict[str, Any]:
    assert stream.response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(stream.response.read())
    assert body["status"] == stream.response.status
    return body


def status_of(port: int, token: str) -> int:
    stream = Stream(port, token)
    stream.close()
    return stream.response.status


def test_refuses_in_the_words_of_the_rest(listen: Listen) -> None:
    asked: list[tuple[dict[str, Any], int, str]] = [
        ({"token": "annals_wrong"}, 401, "Authentication failed"),
        ({"ticket": "wrong"}, 401, "Authentication failed"),
        ({"since": "yesterday"}, 400, "Invalid input"),
        ({"after": "x"}, 400, "Invalid input"),
        ({"after": 1}, 400, "Invalid input"),
        ({"last_event_id": "x"}, 400, "Invalid input"),
        ({"last_event_id": 1}, 400, "Invalid input"),
    ]
    for query, status, title in asked:
        stream = listen(**query)
        assert stream.response.status == status
        assert problem(stream)["title"] == title


def test_takes_no_more_listeners_than_it_may(
    token: str, settings: LazySettings
) -> None:
    settings.FEED_LISTENERS = 1
    with feed() as port:
        first = Stream(port, token)
        second = Stream(port, token)
        assert second.response.headers["Retry-After"] == "10"
        assert problem(second)["title"] == "Feed full"
        second.close()
        first.close()
        wait_until(lambda: status_of(port, token) == 200)


def test_one_client_does_not_take_every_place(
    token: str, settings: LazySettings
) -> None:
    settings.FEED_STREAMS_PER_CLIENT = 2
    with feed() as port:
        mine = [Stream(port, token) for _ in range(3)]
        assert [each.response.status for each in mine] == [200, 200, 429]
        assert mine[2].response.headers["Retry-After"] == "10"
        found = problem(mine[2])
        assert found["title"] == "Too many streams"
        assert found["detail"].startswith("This client has 2 streams open already.")
        assert status_of(port, api_token("another")) == 200
        mine[0].close()
        wait_until(lambda: status_of(port, token) == 200)
        for each in mine[1:]:
            each.close()


def test_serves_nothing_else(listen: Listen, token: str) -> None:
    port = listen().port
    talk = HTTPConnection("127.0.0.1", port, timeout=10)
    for method, path, status in (
        ("GET", "/admin/", 404),
        ("POST", PATH, 405),
        ("HEAD", PATH, 405),
    ):
        talk.request(method, path, headers={"Authorization": f"Bearer {token}"})
        response = talk.getresponse()
        response.read()
        assert response.status == status
    talk.close()


def test_the_web_sends_the_client_on_with_a_ticket(
    listen: Listen, token: str, settings: LazySettings
) -> None:
    appended("user-1")
    settings.FEED_URL = f"http://localhost:{listen().port}/"
    api = Client(headers={"Authorization": f"Bearer {token}"})
    sent = api.get(PATH, {"after": 0}, headers={"Accept": "text/event-stream"})
    place = urlsplit(sent["Location"])
    assert (sent.status_code, place.path) == (307, PATH)
    with socket.create_connection((place.hostname, place.port), 10) as bare:
        asked = f"GET {place.path}?{place.query} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        bare.sendall(asked.encode())
        told = b""
        while b"data: " not in told:
            told += bare.recv(65_536)
    assert b"id: 1\nevent: UserCreated\n" in told


def test_a_ticket_is_good_for_seconds_and_for_its_token_only(
    listen: Listen, token: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FEED_URL = "http://feed"
    api = Client(headers={"Authorization": f"Bearer {token}"})
    ticket = api.get(PATH)["Location"].partition("ticket=")[2]
    ticket = unquote(ticket)
    assert listen(ticket=ticket).response.status == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    assert listen(ticket=ticket).response.status == 401
    ApiToken.objects.update(revoked_at=None)
    monkeypatch.setattr("users.api.tickets.GOOD_SECONDS", -1)
    assert listen(ticket=ticket).response.status == 401


def test_the_web_without_a_feed_says_what_to_do(
    token: str, settings: LazySettings
) -> None:
    settings.FEED_URL = ""
    api = Client(headers={"Authorization": f"Bearer {token}"})
    assert api.get(PATH).json()["title"] == "Feed elsewhere"
    assert Client().get(PATH).status_code == 401


def test_a_token_that_may_not_see_persons_is_shown_masks(listen: Listen) -> None:
    whole = listen()
    blind = api_token("blind", scopes=["events:read"])
    masked, past = listen(token=blind), listen(token=blind, after=0)
    appended("user-1")
    for stream, name in ((whole, "Ada Byron"), (masked, MASK), (past, MASK)):
        heard = stream.next()
        assert heard
        assert heard.data["data"]["name"] == name
