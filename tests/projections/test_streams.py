from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from pytest_django import DjangoAssertNumQueries

from eventstore import rebuilding, rebuilds, standings, subscriptions
from eventstore.circumstances import acting
from eventstore.events import RecordedEvent
from projections import streams
from projections.models import Activity, StreamHead
from projections.streams import STREAMS
from tests.backoffice import staff, superuser, text
from tests.factories import NOON, appended, recorded, renamed, user_created
from users.token_events import ApiTokenRevoked

PAGE = "/admin/eventstore/stream/"
SEE = "eventstore.view_storedevent"
LOG = [
    recorded(user_created(), stream="user-1", position=1),
    recorded(user_created(), stream="user-2", position=2, source="admin"),
    recorded(renamed(), stream="user-1", version=2, position=3),
    recorded(renamed(), stream="user-1", version=3, position=5, source="admin"),
    recorded(
        renamed(),
        stream="user-2",
        version=2,
        position=8,
        recorded_at=NOON + timedelta(hours=1, minutes=59),
    ),
]


def heads() -> list[tuple[Any, ...]]:
    rows = StreamHead.objects.order_by("stream")
    return list(rows.values_list("stream", "category", "version", "type", "position"))


def counted() -> dict[tuple[Any, ...], int]:
    found: dict[tuple[Any, ...], int] = {}
    for row in Activity.objects.all():
        key = (row.hour, row.source, row.type)
        found[key] = found.get(key, 0) + row.events
    return found


TRUE_HEADS = [
    ("user-1", "user", 3, "UserNameChanged", 5),
    ("user-2", "user", 2, "UserNameChanged", 8),
]
TRUE_COUNTS = {
    (NOON, "rest", "UserCreated"): 1,
    (NOON, "admin", "UserCreated"): 1,
    (NOON, "rest", "UserNameChanged"): 1,
    (NOON, "admin", "UserNameChanged"): 1,
    (NOON + timedelta(hours=1), "rest", "UserNameChanged"): 1,
}


@pytest.mark.django_db
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cuts=strategies.lists(strategies.integers(0, len(LOG)), max_size=4))
def test_counts_once_however_the_log_is_cut_and_whatever_comes_twice(
    cuts: list[int],
) -> None:
    StreamHead.objects.all().delete()
    Activity.objects.all().delete()
    places = [0, *sorted(cuts), len(LOG)]
    for begin, end in pairwise(places):
        streams.apply(LOG[begin:end])
        streams.apply(LOG[begin:end])
        streams.apply(LOG[:begin])
    assert heads() == TRUE_HEADS
    assert counted() == TRUE_COUNTS


@pytest.mark.django_db
def test_keeps_when_a_stream_began_and_when_it_changed_last() -> None:
    streams.apply(LOG[:2])
    streams.apply(LOG[2:])
    head = StreamHead.objects.get(stream="user-2")
    assert (head.first_at, head.last_at) == (NOON, LOG[4].recorded_at)


@pytest.mark.django_db
def test_a_batch_is_one_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(1):
        streams.apply(LOG)
    with django_assert_num_queries(0):
        streams.apply([])


def test_live_and_rebuilt_are_the_same(committed_db: str) -> None:
    del committed_db
    for _ in range(3):
        appended(f"user-{uuid4()}", user_created(), renamed())
    assert subscriptions.catch_up(STREAMS)
    with acting(actor="staff:grace", source="admin", correlation_id=uuid4()):
        rebuilds.start("streams", reason="OPS-1")
        assert subscriptions.catch_up(STREAMS)
        while not rebuilding.work("streams"):
            pass
        found = standings.current("streams")
        assert found
        assert found.rebuild.comparison
        kinds = ("created", "changed", "deleted", "moved")
        compared = found.rebuild.comparison["tables"]
        assert [[t[kind] for kind in kinds] for t in compared] == [[0] * 4, [0] * 4]
        rebuilds.switch("streams")
    assert StreamHead.objects.filter(category="user").count() == 3
    assert sum(Activity.objects.values_list("events", flat=True)) == 7


@pytest.mark.django_db
def test_the_last_hours_are_told_with_those_that_brought_nothing() -> None:
    streams.apply(LOG)
    told = streams.recent(NOON + timedelta(hours=2, minutes=5), hours=4)
    begin = NOON - timedelta(hours=1)
    assert [(h.begins_at, h.events) for h in told.hours] == [
        (begin, 0),
        (NOON, 4),
        (NOON + timedelta(hours=1), 1),
        (NOON + timedelta(hours=2), 0),
    ]
    assert (told.most, told.total) == (4, 5)
    assert told.sources == [("rest", 3), ("admin", 2)]
    assert told.types == [("UserNameChanged", 3), ("UserCreated", 2)]
    nothing = streams.recent(NOON - timedelta(days=9))
    assert (len(nothing.hours), nothing.most, nothing.total) == (24, 0, 0)


@pytest.mark.django_db
def test_the_page_lists_streams_the_last_changed_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "PAGE", 1)
    streams.apply([*LOG, token(9)])
    client = superuser()
    first = client.get(PAGE)
    said = text(first, "streams-table") or ""
    assert "token-1 1 ApiTokenRevoked" in said
    assert "user-" not in said
    users = client.get(PAGE, {"category": "user"})
    assert "user-2 2 UserNameChanged" in (text(users, "streams-table") or "")
    older = client.get(PAGE, {"category": "user", "before": "8"})
    assert "user-1 3 UserNameChanged" in (text(older, "streams-table") or "")
    assert text(older, "pager-older") is None
    assert text(older, "pager-newest") == "Newest"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", [{"category": "nothing"}, {"category": "a\0b"}, {"before": "0"}]
)
def test_the_page_says_so_where_there_is_none(query: dict[str, str]) -> None:
    streams.apply(LOG)
    assert text(superuser().get(PAGE, query), "empty") is not None


@pytest.mark.django_db
def test_the_page_wants_a_permission() -> None:
    assert staff().get(PAGE).status_code == 403
    assert staff(SEE).get(PAGE).status_code == 200


def token(position: int) -> RecordedEvent:
    fact = ApiTokenRevoked(name="crm", reason="lost")
    return recorded(fact, stream="token-1", position=position)
