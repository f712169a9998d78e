from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from eventstore import browser, conversations, searching
from eventstore.archive.importing import import_events
from eventstore.searching import EventFilter
from tests.eventstore.test_archive import PAST, line
from tests.factories import NOON, appended, renamed, user_created

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")

MICROSECOND = timedelta(microseconds=1)


def shown(matching: EventFilter, **places: int) -> list[int]:
    page = browser.page(matching, **places)
    return [event.position for event in page.events]


def plan(statement: str) -> str:
    with connection.cursor() as cursor:
        # The table is too small for an index to be worth its while.
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {statement}")
        return " ".join(row for (row,) in cursor.fetchall())


def test_the_position_at_an_instant_is_that_of_the_last_event_recorded_by_then() -> (
    None
):
    done = [appended(f"user-{number}") for number in range(3)]
    at = done[1].recorded_at
    assert browser.position_at(at) == 2
    assert browser.position_at(at - MICROSECOND) == 1
    assert browser.position_at(done[0].recorded_at - MICROSECOND) is None
    assert browser.position_at(done[2].recorded_at + timedelta(days=1)) == 3


def test_events_of_one_append_share_an_instant_and_the_last_of_them_counts() -> None:
    done = appended("user-1", user_created(), renamed())
    assert browser.position_at(done.recorded_at) == 2


def test_history_stands_where_it_was_recorded_not_where_it_was_imported() -> None:
    live = appended("user-live")
    import_events([line()])
    assert browser.position_at(PAST) == 2
    assert browser.position_at(live.recorded_at) == 1
    timed = EventFilter(since=PAST)
    assert shown(EventFilter()) == [2, 1]
    assert shown(timed) == [1, 2]
    assert (shown(timed, before=1), shown(timed, after=2)) == ([2], [1])
    assert browser.page(timed, after=2).older == 1
    assert browser.page(timed, before=1).newer == 2
    around = browser.around(PAST, timedelta(seconds=1))
    assert [event.position for event in around.events] == [2]


def test_a_page_beside_a_place_above_or_below_the_log() -> None:
    appended("user-1")
    timed = EventFilter(since=NOON - timedelta(days=9_000))
    assert (shown(timed, before=0), shown(timed, after=0)) == ([], [1])
    assert (shown(timed, before=99), shown(timed, after=99)) == ([1], [])


def test_one_type_alone_is_read_from_its_own_index() -> None:
    appended("user-1", user_created(), renamed())
    appended("user-2")
    matching = EventFilter(types=["UserCreated"])
    assert shown(matching) == [3, 1]
    assert shown(matching, before=3) == [1]
    assert shown(EventFilter(actors=["client:tests"]), after=1) == [3, 2]
    assert shown(EventFilter(sources=["admin"])) == []


def test_several_types_are_merged_in_order() -> None:
    appended("user-1", user_created(), renamed(), user_created(), renamed())
    both = EventFilter(types=["UserCreated", "UserNameChanged", "UserCreated"])
    assert shown(both, limit=3) == [4, 3, 2]
    assert shown(both, before=4, limit=2) == [3, 2]
    assert shown(both, after=1, limit=2) == [3, 2]
    page = browser.page(both, after=1, limit=2)
    assert (page.newer, page.older, page.is_cut) == (3, 2, False)
    timed = EventFilter(types=both.types, since=NOON - timedelta(days=9_000))
    assert shown(timed, before=4, limit=2) == [3, 2]


def walked(matching: EventFilter, *, is_upward: bool) -> list[int]:
    positions: list[int] = []
    places: dict[str, int] = {"after": 0} if is_upward else {}
    while True:
        page = browser.page(matching, limit=2, **places)
        here = [event.position for event in page.events]
        positions += here[::-1] if is_upward else here
        end = page.newer if is_upward else page.older
        if end is None:
            return positions
        assert page.is_cut or len(here) == 2
        places = {"after" if is_upward else "before": end}


def a_log_of_two_kinds() -> None:
    for number in range(40):
        source = "admin" if number % 3 else "rest"
        event = renamed() if number % 7 else user_created()
        appended(f"user-{number}", event, source=source, actor=f"client:{number % 2}")


@pytest.mark.parametrize("is_upward", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        {"types": ["UserCreated"], "sources": ["rest"]},
        {"types": ["UserCreated", "UserNameChanged"], "actors": ["client:1"]},
        {"actors": ["client:1"], "sources": ["rest"]},
        {"types": ["UserCreated"], "sources": ["rest"], "actors": ["client:0"]},
        {"types": ["UserErased"], "sources": ["rest"]},
        {"sources": ["rest", "salesforce"]},
        {"sources": ["rest"], "types": ["UserCreated"], "from_position": 4},
        {
            "actors": ["client:0", "client:1", "client:0"],
            "sources": ["rest", "nothing"],
        },
        {"streams": ["user-1", "user-2"], "sources": ["rest", "salesforce"]},
        {"sources": ["rest"], "since": NOON - timedelta(days=9_000)},
        {"types": ["UserCreated"], "since": NOON - timedelta(days=9_000)},
        {
            "types": ["UserCreated", "UserNameChanged"],
            "sources": ["rest"],
            "since": NOON - timedelta(days=9_000),
        },
    ],
)
def test_going_on_from_page_to_page_finds_all_that_matches_and_each_once(
    asked: dict[str, Any], *, is_upward: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_log_of_two_kinds()
    matching = EventFilter(**asked)
    whole = shown(matching, limit=99)
    monkeypatch.setattr(searching, "REACH", 3)
    monkeypatch.setattr(searching, "STEPS", 2)
    assert walked(matching, is_upward=is_upward) == (
        whole[::-1] if is_upward else whole
    )


def test_a_search_that_finds_nothing_in_reach_says_from_where_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_log_of_two_kinds()
    monkeypatch.setattr(searching, "REACH", 2)
    monkeypatch.setattr(searching, "STEPS", 1)
    none = EventFilter(actors=["client:1"], sources=["webhook"])
    assert browser.page(none).is_cut is False  # the index of the source has no entry
    rare = EventFilter(types=["UserCreated"], sources=["rest"])
    page = browser.page(rare, before=22)
    assert ([e.position for e in page.events], page.older, page.is_cut) == ([], 8, True)


@pytest.mark.parametrize(("types", "expected"), [(1, [8]), (3, [2] * 3), (9, [1] * 9)])
def test_the_types_asked_for_share_what_a_step_may_look_at(
    types: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_log_of_two_kinds()
    monkeypatch.setattr(searching, "REACH", 8)
    monkeypatch.setattr(searching, "STEPS", 1)
    kinds = ["UserNameChanged", "UserCreated", *(f"Kind{each}" for each in range(7))]
    asked = EventFilter(types=kinds[:types], sources=["rest"])
    with CaptureQueriesContext(connection) as captured:
        browser.page(asked)
    edges = [
        int(found[1]) + 1 if found[1] else 1
        for query in captured
        if (found := re.search(r"LIMIT 1(?: OFFSET (\d+))?$", query["sql"]))
        and '"events"."type" >=' in query["sql"]
    ]
    assert edges == expected


def test_the_window_around_an_instant_shows_the_nearest_first() -> None:
    done = [appended(f"user-{number}") for number in range(6)]
    at: datetime = done[2].recorded_at
    found = browser.around(at, timedelta(minutes=1), limit=4)
    assert [event.position for event in found.events] == [2, 3, 4, 5]
    assert (found.position, found.is_cut) == (3, True)
    whole = browser.around(at, timedelta(minutes=1))
    assert ([e.position for e in whole.events], whole.is_cut) == (
        [1, 2, 3, 4, 5, 6],
        False,
    )


@pytest.mark.parametrize(
    ("place", "limit", "expected"),
    [
        (2, 1, [3]),
        (2, 3, [2, 3, 4]),
        (2, 5, [1, 2, 3, 4, 5]),
        (0, 4, [1, 2, 3, 4]),
        (5, 3, [4, 5, 6]),
        (5, 6, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_window_around_an_instant_is_as_full_as_it_may_be(
    place: int, limit: int, expected: list[int]
) -> None:
    at: datetime = [appended(f"user-{number}") for number in range(6)][
        place
    ].recorded_at
    minute = timedelta(minutes=1)
    found = browser.around(at, minute, limit=limit)
    assert [event.position for event in found.events] == expected
    sides = browser.sides(EventFilter(), at, minute, limit=limit)
    assert [event.position for event in sides.events] == expected[::-1]
    assert found.is_cut is sides.is_cut is (limit < 6)


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("recorded_at <= now() ORDER BY recorded_at DESC, position DESC", "recorded"),
        ("type >= 'A' AND type <= 'A' ORDER BY type DESC, position DESC", "type"),
        (
            "type >= 'A' AND type <= 'A' ORDER BY type, recorded_at, position",
            "type_recorded",
        ),
        ("actor >= 'A' AND actor <= 'A' ORDER BY actor, position", "actor"),
        ("source >= 'A' AND source <= 'A' ORDER BY source, position", "source"),
        (
            "correlation_id = '00000000-0000-0000-0000-000000000000' ORDER BY position",
            "correlation",
        ),
    ],
)
def test_an_index_carries_every_question(question: str, index: str) -> None:
    told = plan(f"SELECT * FROM events WHERE {question} LIMIT 50")
    assert f"events_{index} on events" in told
    assert "Sort" not in told


def test_a_long_conversation_is_cut() -> None:
    conversation = uuid4()
    events = [user_created() for _ in range(201)]
    appended("user-1", *events, correlation_id=conversation)
    found = conversations.conversation(conversation)
    assert (len(found.nodes), found.is_cut) == (200, True)


def test_an_event_that_names_a_later_one_as_its_cause_is_no_circle() -> None:
    conversation, later = uuid4(), uuid4()
    told = {"correlation_id": str(conversation)}
    import_events(
        [
            line(**told, stream="user-1", causation_id=str(later)),
            line(**told, stream="user-2", event_id=str(later), causation_id=str(later)),
        ]
    )
    nodes = conversations.conversation(conversation).nodes
    assert [(node.depth, node.cause) for node in nodes] == [(0, None), (0, None)]


def test_a_page_shows_nothing_above_an_append_that_is_still_open() -> None:
    first = appended("user-1").position
    drawn, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            appended("user-2")
            drawn.set()
            release.wait()
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    drawn.wait()
    appended("user-3")
    meanwhile = browser.page(EventFilter())
    release.set()
    thread.join()
    afterwards = browser.page(EventFilter())
    assert [event.position for event in meanwhile.events] == [first]
    assert [event.stream for event in afterwards.events] == [
        "user-3",
        "user-2",
        "user-1",
    ]
