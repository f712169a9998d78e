from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from eventstore import repository, snapshots, store, streams
from tests.backoffice import attribute, regions, superuser, text
from tests.factories import ADA, appended, renamed, user_created
from users.aggregate import USER
from users.events import UserEmailChanged, UserStatusChanged
from users.values import Status

pytestmark = pytest.mark.django_db

STREAM = USER.stream(ADA)
URL = f"/admin/s/{STREAM}"


def a_stream() -> None:
    appended(
        STREAM,
        user_created(),
        renamed("Ada Byron", "Ada King"),
        renamed("Ada King", "Ada Lovelace"),
        UserStatusChanged(old_status=Status.ACTIVE, new_status=Status.SUSPENDED),
    )


def test_shows_its_events_newest_first_and_its_last_change() -> None:
    a_stream()
    response = superuser().get(URL)
    header = text(response, "stream-header") or ""
    assert header.startswith(f"{STREAM} 4 events · first ")
    assert [event.version for event in response.context["found"].events] == [4, 3, 2, 1]
    assert (text(response, "compared") or "").startswith(
        "name Ada Lovelace email ada@example.com status was active → now suspended"
        " set by v4 , client:tests,"
    )
    assert text(response, "state") == (
        'State at version 4 { "email": "ada@example.com", "name": "Ada Lovelace",'
        ' "status": "suspended" }'
    )


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ({"from": "1", "to": "3"}, (1, 3)),
        ({"from": "0", "to": "4"}, (0, 4)),
        ({"to": "2"}, (1, 2)),
        ({"from": "2"}, (2, 4)),
        ({"from": "3", "to": "1"}, (3, 4)),
        ({"from": "x"}, (3, 4)),
        ({"to": "0"}, (0, 0)),
    ],
)
def test_sets_two_versions_beside_each_other(
    query: dict[str, str], versions: tuple[int, int]
) -> None:
    a_stream()
    response = superuser().get(URL, query)
    assert (response.context["old"], response.context["new"]) == versions


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"from": "3", "to": "1"}, "Begin with the lower version."),
        ({"to": "9" * 30}, "There are only 4 versions."),
        ({"from": "x"}, "Enter a whole number."),
    ],
)
def test_says_which_versions_there_are_not(query: dict[str, str], error: str) -> None:
    a_stream()
    assert error in (text(superuser().get(URL, query), "compare") or "")


def test_pages_to_the_first_event() -> None:
    appended(STREAM, user_created(), *[renamed(str(n), str(n + 1)) for n in range(149)])
    client = superuser()
    first = client.get(URL)
    second = client.get(URL + attribute(first, "pager-older", "href"))
    assert [event.version for event in second.context["found"].events] == list(
        range(50, 0, -1)
    )
    assert (regions(second, "pager-older"), regions(first, "pager-newest")) == ([], [])
    beyond = client.get(URL, {"before": "1"})
    assert text(beyond, "empty") == "There is no event below this version."


def test_shows_its_snapshots_and_which_are_of_no_use() -> None:
    a_stream()
    loaded = repository.load_stream(USER, STREAM, version=3)
    assert loaded.last
    assert loaded.recorded_until
    snapshots.take(
        USER,
        STREAM,
        state=loaded.state,
        version=3,
        event_id=loaded.last.event_id,
        recorded_until=loaded.recorded_until,
    )
    response = superuser().get(URL)
    (kept,) = response.context["snapshots"]
    assert (kept.version, kept.is_current) == (3, True)
    assert (text(response, "snapshots") or "").startswith("Snapshots version 3 just")


def test_a_stream_that_nothing_folds_shows_its_events() -> None:
    appended("order-1")
    response = superuser().get("/admin/s/order-1")
    assert regions(response, "state") == []
    assert text(response, "no-state") == (
        "Nothing folds this kind of stream into a state; its events are all there is."
    )


@pytest.mark.parametrize("name", ["user-9", "nonsense", "user-%00", "user-a/b"])
def test_one_that_is_not_there_is_a_page_that_says_so(name: str) -> None:
    response = superuser().get(f"/admin/s/{name}")
    assert response.status_code == 404
    assert (text(response, "not-found") or "").startswith("There is no stream ")


def test_needs_eleven_queries_to_compare(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    a_stream()
    client = superuser()
    with django_assert_max_num_queries(11):
        client.get(URL, {"from": "1", "to": "3"})


changes = st.one_of(
    st.builds(renamed, old=st.just("?"), new=st.sampled_from("abc")),
    st.builds(
        UserEmailChanged, old_email=st.just("?"), new_email=st.sampled_from("abc")
    ),
    st.builds(
        UserStatusChanged,
        old_status=st.just(Status.ACTIVE),
        new_status=st.sampled_from(Status),
    ),
)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_what_is_compared_is_the_fold_by_hand(data: st.DataObject) -> None:
    stream = USER.stream(uuid4())
    events: list[Any] = [user_created(), *data.draw(st.lists(changes, max_size=12))]
    appended(stream, *events)
    new = data.draw(st.integers(0, len(events)))
    old = data.draw(st.integers(0, new))
    was, now = (USER.fold(events[:version]) for version in (old, new))
    compared = streams.compare(stream, old, new)
    assert compared
    found = {each.name: each for each in compared.fields}
    assert set(found) == ({"name", "email", "status"} if now else set())
    recorded = store.read_stream(stream)
    for name, each in found.items():
        assert each.old == getattr(was, name, None)
        assert each.new == getattr(now, name, None)
        states = [USER.fold(events[:version]) for version in range(new + 1)]
        values = [getattr(state, name, None) for state in states]
        moved = [v for v in range(old + 1, new + 1) if values[v] != values[v - 1]]
        assert each.set_by == (recorded[moved[-1] - 1] if moved else None)
