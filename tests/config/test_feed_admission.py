from __future__ import annotations

import json
import socket
from http.client import HTTPConnection
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.middleware.security import SecurityMiddleware
from django.test import Client
from django.utils import timezone

from config.feed import admission, app
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


def ticketed(port: int, ticket: str) -> int:
    """Return how the feed answers a ticket and nothing else."""
    talk = HTTPConnection("127.0.0.1", port, timeout=10)
    talk.request("GET", f"{PATH}?{urlencode({'ticket': ticket})}")
    status = talk.getresponse().status
    talk.close()
    return status


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


COMMON = (
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "RateLimit",
    "RateLimit-Policy",
    "Referrer-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
)


def test_answers_carry_what_those_of_the_web_carry(
    token: str, settings: LazySettings
) -> None:
    settings.FEED_STREAMS_PER_CLIENT = 1
    web = Client(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/users")
    with feed() as port:
        streams = [
            Stream(port, token),
            Stream(port, token),
            Stream(port, "annals_wrong"),
            Stream(port, token, after="x"),
        ]
        assert [each.response.status for each in streams] == [200, 429, 401, 400]
        for each in streams:
            told = each.response.headers
            for name in COMMON:
                if not name.startswith("RateLimit"):
                    assert told[name] == web[name]
                assert told.get_all(name), name
            assert told["Cache-Control"] == "no-store"
            for name in ("X-Correlation-ID", "X-Request-ID"):
                assert UUID(told[name]).version == 7
            each.close()
    assert '"reads";r=' in streams[0].response.headers["RateLimit"]


def test_over_https_the_feed_is_as_strict_as_it_is_told_to_be(
    token: str, settings: LazySettings
) -> None:
    settings.SECURE_HSTS_SECONDS = 3_600
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admission, "_common", (SecurityMiddleware(admission._answer),))  # noqa: SLF001
        headers = [(b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "http", "method": "GET", "path": PATH, "headers": headers}
        told = admission.admit({**scope, "scheme": "https", "query_string": b""})
    assert told["Strict-Transport-Security"].startswith("max-age=3600")


def test_a_conversation_goes_on_over_the_feed(listen: Listen) -> None:
    given = str(uuid4())
    talk = HTTPConnection("127.0.0.1", listen().port, timeout=10)
    headers = {"Authorization": "Bearer annals_wrong", "X-Correlation-ID": given}
    talk.request("GET", PATH, headers=headers)
    response = talk.getresponse()
    assert response.headers["X-Correlation-ID"] == given
    assert json.loads(response.read())["instance"] == f"urn:uuid:{given}"
    talk.close()


def test_each_use_of_a_ticket_is_a_read_of_its_token(
    listen: Listen, token: str, settings: LazySettings
) -> None:
    settings.FEED_URL, settings.API_READS_A_MINUTE = "http://feed", 3
    api = Client(headers={"Authorization": f"Bearer {token}"})
    ticket = unquote(api.get(PATH)["Location"].partition("ticket=")[2])
    port = listen().port  # the second read
    assert [ticketed(port, ticket) for _ in range(2)] == [200, 429]


def test_a_wrong_ticket_counts_for_its_address(
    listen: Listen, settings: LazySettings
) -> None:
    settings.API_STRANGERS_A_MINUTE = 2
    port = listen().port
    assert [ticketed(port, "wrong") for _ in range(3)] == [401, 401, 429]


def test_a_refused_listener_is_counted_once(token: str, settings: LazySettings) -> None:
    settings.FEED_LISTENERS = 0
    with feed() as port:
        stream = Stream(port, token)
        most = settings.API_READS_A_MINUTE
        assert f'"reads";r={most - 1};' in stream.response.headers["RateLimit"]
        stream.close()


def test_nobody_who_comes_waits_for_those_who_read_the_past(listen: Listen) -> None:
    appended("user-1")
    port = listen().port
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE none")
        cursor.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        slow = [listen(port=port, after=0) for _ in range(app.PAST_THREADS)]

        def all_wait() -> bool:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            )
            return bool(cursor.fetchone()[0] > app.PAST_THREADS)

        wait_until(all_wait)  # and the hub
        assert listen(port=port, after=0).response.status == 200
    assert [each.positions(1) for each in slow] == [[1]] * app.PAST_THREADS


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
