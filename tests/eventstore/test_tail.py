from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from eventstore.admin import tail
from eventstore.events import ADMIN, REST
from tests.backoffice import EVENTS, attribute, regions, staff, superuser, text
from tests.factories import appended, renamed, user_created

AUDIT = "/admin/audit/"
pytestmark = pytest.mark.usefixtures("committed_db")


def news(client: Client, url: str = EVENTS, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get(url, {"tail": "1", **query}).json()
    return found


def told(after: int, count: int, said: str) -> dict[str, Any]:
    return {"after": after, "count": count, "said": said, "is_more": False}


def test_tells_how_many_came_since_the_page_was_made_and_none_twice() -> None:
    appended("user-1")
    client = superuser()
    after = attribute(client.get(EVENTS), "tail", "data-tail")
    assert news(client, after=after) == told(1, 0, "")
    appended("user-2")
    assert news(client, after=1) == told(2, 1, "1 new event")
    appended("user-3", user_created(), renamed())
    assert news(client, after=2, waiting=1) == told(4, 3, "3 new events")
    assert news(client, after=4, waiting=3) == told(4, 3, "3 new events")


def test_asks_what_the_page_asks() -> None:
    appended("user-1", source=REST)
    appended("user-2", user_created(), renamed(), source=ADMIN)
    client = superuser()
    assert news(client, source=ADMIN, type="UserNameChanged")["count"] == 1
    assert news(client, stream="user-1")["count"] == 1
    assert news(client, since="2000-01-01T00:00Z")["count"] == 3
    assert news(client, since="2900-01-01T00:00Z") == told(3, 0, "")
    assert news(client, AUDIT) == told(3, 0, "")


def test_never_tells_of_what_is_not_final() -> None:
    appended("user-1")
    client = superuser()
    with transaction.atomic():
        appended("user-2")
        seen: list[Any] = []

        def ask() -> None:
            seen.extend([appended("user-3").position, news(client)])
            connection.close()

        thread = Thread(target=ask)
        thread.start()
        thread.join()
    assert seen == [3, told(1, 1, "1 new event")]
    assert news(superuser(), after=1) == told(3, 2, "2 new events")


def test_counts_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MOST", 2)
    for number in range(4):
        appended(f"user-{number}")
    client = superuser()
    assert news(client, after=2) == told(4, 2, "2 new events")
    more = {"count": 2, "said": "more than 2 new events", "is_more": True}
    assert news(client) == more | {"after": 3}
    assert news(client, after=2, waiting=1) == more | {"after": 4}
    assert news(client, after=3, waiting="9" * 18) == more | {"after": 4}


def test_a_place_that_is_none_is_no_error() -> None:
    client = superuser()
    for after in ("x", "-1", "9" * 18, "9" * 400, ""):
        assert client.get(EVENTS, {"tail": "1", "after": after}).status_code == 200


def test_only_the_newest_page_has_a_tail() -> None:
    appended("user-1")
    client = superuser()
    for query in (
        {"before": "3"},
        {"before": "9999"},
        {"after": "0"},
        {"until": "2900-01-01T00:00Z"},
        {"around": "2026-11-06T15:00:00Z"},
    ):
        page = client.get(EVENTS, query)
        assert regions(page, "tail") == []
        assert b"tail.js" not in page.content


def test_without_scripts_there_is_no_tail() -> None:
    page = superuser().get(EVENTS)
    assert 'data-testid="tail"' in page.content.decode()
    for name in ("tail", "tail-show"):
        assert attribute(page, name, "hidden") == "None"
    assert text(page, "tail-said") == ""


def test_opens_to_nobody_who_may_not_see_the_page() -> None:
    client = staff("eventstore.view_storedevent")
    asked = {"tail": "1"}
    assert client.get(EVENTS, asked).status_code == 200
    assert client.get(AUDIT, asked).status_code == 403
    assert Client().get(EVENTS, asked).status_code == 302


def test_asking_is_no_use_that_keeps_a_session() -> None:
    client = superuser()
    session = client.session
    session["seen_at"] = seen = session["seen_at"] - 29 * 60
    session.save()
    assert client.get(EVENTS, {"tail": "1"}).status_code == 200
    assert client.get("/admin/", headers={"X-Asked-By": "page"}).status_code == 200
    assert client.session["seen_at"] == seen
    client.get(EVENTS)
    assert client.session["seen_at"] > seen
