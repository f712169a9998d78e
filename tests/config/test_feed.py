from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from config.feed import app, hub, stream
from config.feed.app import Feed, Send
from config.feed.hub import Hub, Listener
from config.feed.reading import Readers
from eventstore import store
from tests.factories import api_token, appended, renamed, user_created
from tests.feeds import PATH, Listen, listen, token
from tests.processes import wait_until
from users.models import ApiToken

__all__ = ["listen", "token"]
pytestmark = pytest.mark.usefixtures("committed_db")


def append_and_close(stream: str) -> None:
    appended(stream)
    connection.close()


def test_hears_what_is_recorded_from_now_on(listen: Listen) -> None:
    appended("user-1")
    stream = listen()
    appended("user-2", user_created(), renamed())
    assert stream.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert stream.positions(2) == [2, 3]


def test_an_event_is_an_element_of_the_list_of_events(
    listen: Listen, token: str
) -> None:
    appended("user-1")
    heard = listen(after=0).next()
    api = Client(headers={"Authorization": f"Bearer {token}"})
    (listed,) = api.get("/api/v1/events").json()["results"]
    assert heard
    assert (heard.id, heard.event, heard.data) == (1, "UserCreated", listed)


def test_begins_where_the_client_left_off(listen: Listen) -> None:
    for number in range(3):
        appended(f"user-{number}")
    assert listen(last_event_id=1).positions(2) == [2, 3]
    assert listen(after=2).positions(1) == [3]
    assert listen(after=2, last_event_id=0).positions(3) == [1, 2, 3]


def test_reads_a_long_past_and_goes_on_without_a_seam(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.feed.reading.BATCH_SIZE", 10)
    with transaction.atomic():
        for number in range(95):
            appended(f"user-{number}")
    stream = listen(after=0)
    assert stream.positions(50) == list(range(1, 51))
    for number in range(95, 105):
        appended(f"user-{number}")
    assert stream.positions(55) == list(range(51, 106))


def test_never_passes_an_event_that_commits_late(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.feed.stream.HEARTBEAT_SECONDS", 2 * hub.POLL_SECONDS)
    stream = listen()
    drawn, go_on = threading.Event(), threading.Event()

    def be_late() -> None:
        with transaction.atomic():
            appended("user-late")
            drawn.set()
            go_on.wait(20)
        connection.close()

    writer = threading.Thread(target=be_late)
    writer.start()
    assert drawn.wait(20)
    appended("user-early")
    other = listen(after=0)
    # The hub has looked at the log, and told neither of them anything.
    for each in (stream, other):
        assert [each.wait_for_comment() for _ in range(2)] == ["still here"] * 2
    go_on.set()
    writer.join()
    heard = [stream.next(), stream.next()]
    assert [each.data["stream"] for each in heard if each] == [
        "user-late",
        "user-early",
    ]
    assert other.positions(2) == [1, 2]


def test_filters_what_was_and_what_comes(listen: Listen) -> None:
    appended("user-1", user_created(), renamed())
    stream = listen(after=0, type="UserNameChanged", actor="client:tests")
    by_ada = listen(after=0, actor="staff:ada", stream="user-2")
    appended("user-2", user_created(), renamed(), actor="staff:ada")
    appended("user-3", user_created(), renamed())
    assert stream.positions(2) == [2, 6]
    assert by_ada.positions(2) == [3, 4]


def test_every_filter_of_the_list_narrows_the_stream(listen: Listen) -> None:
    appended("user-1")
    (first,) = store.read_stream("user-1")
    later = listen(since=first.recorded_at.isoformat(), after=0)
    never = listen(until=first.recorded_at.isoformat(), after=0)
    same = listen(correlation=str(first.correlation_id), source="rest")
    appended("user-2", source="admin", correlation_id=first.correlation_id)
    appended("user-3", correlation_id=first.correlation_id)
    assert later.positions(3) == [1, 2, 3]
    assert same.positions(1) == [3]
    never.close()


def test_all_listeners_cost_one_reader(listen: Listen) -> None:
    streams = [listen() for _ in range(20)]
    appended("user-1")
    assert [stream.positions(1) for stream in streams] == [[1]] * 20
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        )
        assert (
            cursor.fetchone()[0] <= 1 + 1 + 2 + 4
        )  # ours, the hub's, admissions', the past's


def test_says_now_and_then_that_it_is_still_there(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.feed.stream.HEARTBEAT_SECONDS", 0.05)
    stream = listen()
    assert stream.response.readline() == b"retry: 2000\n"
    assert stream.wait_for_comment() == "still here"
    assert stream.wait_for_comment() == "still here"


def test_a_slow_listener_is_cut_off_and_the_others_are_not(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "WAITING_FRAMES", 3)
    # The hub hands out twenty events at once; a line holds three.
    quick, slow = listen(stream="user-1"), listen()
    appended("user-1")
    assert quick.positions(1) == [1]
    with transaction.atomic():
        for number in range(2, 22):
            appended(f"user-{number}")
    appended("user-1", renamed(), expected_version=1)
    heard = slow.next()
    assert heard is None or heard.id == 1
    while heard is not None:
        heard = slow.next()
    assert slow.comments == ["you read too slowly; come back with Last-Event-ID"]
    assert quick.positions(1) == [22]
    assert listen(last_event_id=1).positions(21) == list(range(2, 23))


def jamming(joined: asyncio.Event, forever: asyncio.Event) -> Send:
    """Return a client that takes no event; who reads the past never joins the line."""

    async def send(message: dict[str, Any]) -> None:
        body = message.get("body", b"")
        if body.startswith((b": still here", b"id")):
            joined.set()
        if body.startswith(b"id"):
            await forever.wait()

    return send


@pytest.mark.parametrize(("query", "stalled"), [(b"", 60.0), (b"after=0", 0.2)])
def test_a_listener_that_reads_nothing_is_dropped(
    token: str, query: bytes, stalled: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "WAITING_FRAMES", 3)
    monkeypatch.setattr(app, "FAREWELL_SECONDS", 0.1)
    monkeypatch.setattr(app, "STALLED_SECONDS", stalled)
    monkeypatch.setattr("config.feed.stream.HEARTBEAT_SECONDS", 0.05)
    append_and_close("user-first")

    async def scene() -> None:
        served, life = Feed(), asyncio.Queue[dict[str, Any]]()
        started, joined, forever = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def note(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                started.set()

        async def listen_on() -> dict[str, Any]:
            await forever.wait()
            return {}

        life.put_nowait({"type": "lifespan.startup"})
        living = asyncio.create_task(served({"type": "lifespan"}, life.get, note))
        await started.wait()
        scope = {
            "type": "http",
            "method": "GET",
            "path": PATH,
            "query_string": query,
            "headers": [(b"authorization", f"Bearer {token}".encode())],
        }
        jammed = asyncio.create_task(served(scope, listen_on, jamming(joined, forever)))
        await joined.wait()
        for number in range(6):
            await asyncio.to_thread(append_and_close, f"user-{number}")
        async with asyncio.timeout(20):
            await jammed
        life.put_nowait({"type": "lifespan.shutdown"})
        await living

    asyncio.run(scene())


def test_ends_when_the_token_is_revoked(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "CHECK_SECONDS", 0.0)
    stream, other = listen(), listen(token=api_token("other"))
    appended("user-1")
    assert stream.positions(1) == [1]
    ApiToken.objects.filter(name="listener").update(revoked_at=timezone.now())
    assert stream.next() is None
    (farewell,) = stream.comments
    assert farewell == "your token no longer works; come back with Last-Event-ID"
    appended("user-2")
    assert other.positions(2) == [1, 2]


def test_survives_a_database_that_cuts_its_connections(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BROKEN_SECONDS", 0.05)
    stream = listen()
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE none")
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        cursor.execute("RESET ROLE")
    appended("user-1")
    assert stream.positions(1) == [1]
    assert listen(after=0).positions(1) == [1]


def test_sleeps_while_nobody_listens_and_wakes_where_the_log_is(
    listen: Listen,
) -> None:
    first = listen()
    appended("user-1")
    assert first.positions(1) == [1]
    first.close()

    def busy() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state_change > clock_timestamp() - interval '0.6 s'"
            )
            return int(cursor.fetchone()[0])

    wait_until(lambda: busy() == 0)
    appended("user-2")
    second = listen()
    appended("user-3")
    assert second.positions(1) == [3]


async def past_of_a_slow_reader(digest: bytes) -> list[int]:
    """Return what one hears who reads page by page while others write."""
    known, readers = Hub(most=2, most_of_one=2), Readers("past", threads=1)
    running = asyncio.create_task(known.run())
    slow, quick = (
        Listener(hub.EVERYTHING, digest=digest, personal=True) for _ in range(2)
    )
    past = stream.texts(known, readers, slow, 0)
    news = stream.texts(known, readers, quick, 30)
    for listener in (slow, quick):
        known.enter(listener)
    heard = [await anext(past) for _ in range(3)]
    assert await anext(news) == stream.RETRY
    for number in range(30, 36):
        heard_by_quick = asyncio.create_task(ids(news, number + 1))
        await asyncio.to_thread(append_and_close, f"user-{number}")
        assert await heard_by_quick == [number + 1]
    found = [
        int(each) for each in re.findall(rb"^id: (\d+)$", b"".join(heard), re.MULTILINE)
    ]
    found += await ids(past, 36)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await readers.close()
    return found


async def ids(text: AsyncIterator[bytes], last: int) -> list[int]:
    """Return the positions told, to *last* or the end."""
    found: list[int] = []
    async for part in text:
        found += [int(each) for each in re.findall(rb"^id: (\d+)$", part, re.MULTILINE)]
        if found and found[-1] >= last:
            break
    return found


def test_a_listener_joins_only_when_it_has_nearly_read_the_past(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.feed.reading.BATCH_SIZE", 10)
    monkeypatch.setattr(hub, "WAITING_FRAMES", 5)
    with transaction.atomic():
        for number in range(30):
            appended(f"user-{number}")
    digest = bytes(ApiToken.objects.get().digest)
    assert token
    assert asyncio.run(past_of_a_slow_reader(digest)) == list(range(1, 37))
