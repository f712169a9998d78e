from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker

from eventstore import searching, store, zones
from eventstore.events import ADMIN, REST
from eventstore.templatetags.backoffice import instant
from tests import databases, evolved
from tests.backoffice import EVENTS, attribute, regions, superuser, text
from tests.factories import ADA, appended, known_user, renamed, user_created

changing = pytest.mark.usefixtures("committed_db")
reading = pytest.mark.usefixtures("log")

CONVERSATION = UUID("00000000-0000-4000-8000-0000000000c0")
EVIL = "<script>alert(1)</script>"
STREAM = f"user-{ADA}"
NOBODY = "user-00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def log(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Four committed events, for the tests that only read them."""
    del django_db_setup
    with django_db_blocker.unblock(), databases.cloned():
        appended("user-1", user_created(), renamed())
        known_user(ADA, name=EVIL, email="ada@example.com")
        appended(
            "user-2", actor="staff:grace", source=ADMIN, correlation_id=CONVERSATION
        )
        yield


def positions(response: object) -> str | None:
    return text(response, "range")


@changing
def test_shows_the_newest_first_with_place_sentence_and_actor() -> None:
    appended("user-1", user_created(), renamed())
    response = superuser().get(EVENTS)
    rows = text(response, "events-table")
    assert rows is not None
    (_created, changed) = store.read_stream("user-1")
    when = f"{changed.recorded_at.day} {changed.recorded_at:%b %Y, %H:%M:%S} UTC"
    assert rows.split("Actor ")[1].split(" #1 ")[0] == (
        f"#2 {when} UserNameChanged REST client tests changed"
        " name from Ada Byron to Ada King via REST API user-1 v2 client:tests"
    )
    assert positions(response) == "#1 – #2, 2 events shown"


@changing
def test_pages_neither_repeat_nor_drop_an_event_while_others_arrive() -> None:
    for number in range(60):
        appended(f"user-{number}")
    client = superuser()
    first = client.get(EVENTS, {"limit": "25"})
    for number in range(60, 100):
        appended(f"user-{number}")
    second = client.get(EVENTS + attribute(first, "pager-older", "href"))
    third = client.get(EVENTS + attribute(second, "pager-older", "href"))
    back = client.get(EVENTS + attribute(third, "pager-newer", "href"))
    oldest = client.get(EVENTS + attribute(first, "pager-oldest", "href"))
    assert [positions(page) for page in (first, second, third, back, oldest)] == [
        "#36 – #60, 25 events shown",
        "#11 – #35, 25 events shown",
        "#1 – #10, 10 events shown",
        "#11 – #35, 25 events shown",
        "#1 – #25, 25 events shown",
    ]
    assert regions(third, "pager-older") == []
    newest = client.get(EVENTS + attribute(third, "pager-newest", "href"))
    assert positions(newest) == "#76 – #100, 25 events shown"
    assert regions(newest, "pager-newer") == []


@reading
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"stream": "user-1"}, "#1 – #2, 2 events shown"),
        ({"stream": str(ADA)}, "#3, 1 event shown"),
        ({"stream": "Ada@Example.com"}, "#3, 1 event shown"),
        ({"type": "UserNameChanged"}, "#2, 1 event shown"),
        ({"type": ["UserCreated", "UserNameChanged"]}, "#1 – #4, 4 events shown"),
        ({"type": "!UserCreated"}, "#2, 1 event shown"),
        ({"type": ["!UserCreated", "!UserNameChanged"]}, None),
        ({"type": ["user.*", "!UserNameChanged"]}, "#1 – #4, 3 events shown"),
        ({"type": "user.*", "source": ADMIN}, "#4, 1 event shown"),
        ({"from_position": "3"}, "#3 – #4, 2 events shown"),
        ({"from_position": "2", "source": REST}, "#2 – #3, 2 events shown"),
        (
            {"from_position": "2", "type": "UserCreated", "source": REST},
            "#3, 1 event shown",
        ),
        ({"actor": "staff:grace"}, "#4, 1 event shown"),
        ({"source": ADMIN}, "#4, 1 event shown"),
        ({"source": [REST, ADMIN]}, "#1 – #4, 4 events shown"),
        ({"actor": ["staff:grace", "staff:nobody"]}, "#4, 1 event shown"),
        ({"stream": ["user-2", "Ada@Example.com"]}, "#3 – #4, 2 events shown"),
        ({"source": REST, "type": "UserCreated"}, "#1 – #3, 2 events shown"),
        ({"correlation": str(CONVERSATION)}, "#4, 1 event shown"),
        ({"since": "2000-01-01T00:00:00Z"}, "#1 – #4, 4 events shown"),
        ({"until": "2000-01-01T00:00:00Z"}, None),
        ({"stream": NOBODY}, None),
    ],
)
def test_filters_by(query: dict[str, str], shown: str | None) -> None:
    assert positions(superuser().get(EVENTS, query)) == shown


@reading
@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("since", "tomorrow", "Enter a time such as 2026-11-06 15:00, yesterday"),
        ("until", "2026-13-01", "Enter a time such as 2026-11-06 15:00, yesterday"),
        ("correlation", "42", "Enter a valid UUID."),
        ("stream", "nobody@example.com", "No user has this e-mail address."),
        ("stream", "@", "No user has this e-mail address."),
        ("stream", "\x00", "Null characters are not allowed."),
        (
            "type",
            "Nothing",
            "There is no type of events “Nothing”.",
        ),
        ("type", "!Nothing", "There is no type of events “!Nothing”."),
        ("type", "use.*", "There is no type of events “use.*”."),
        ("from_position", "0", "Ensure this value is greater than or equal to 1."),
        ("from_position", "9" * 30, "Ensure this value is less than or equal to"),
    ],
)
def test_says_what_is_wrong_beside_the_field_and_keeps_the_rest(
    field: str, value: str, error: str
) -> None:
    query = {field: value, "source": ADMIN}
    response = superuser().get(EVENTS, query)
    assert response.status_code == 200
    assert error in (text(response, "filters") or "")
    assert positions(response) == "#4, 1 event shown"
    assert text(response, "chips") == "Filtered by Source: back office × Clear all"


@reading
def test_every_filter_with_a_chip_is_applied_and_goes_by_itself() -> None:
    client = superuser()
    query = {
        "actor": ["client:tests", "staff:grace", "staff:grace"],
        "source": [REST, "", ADMIN],
        "correlation": ["00000000-0000-4000-8000-000000000001", str(CONVERSATION)],
    }
    response = client.get(EVENTS, query)
    assert text(response, "chips") == (
        "Filtered by Actor: client:tests × Actor: staff:grace × Source: REST API ×"
        f" Source: back office × Correlation: {CONVERSATION} × Clear all"
    )
    assert positions(response) == "#4, 1 event shown"
    chips = dict(
        re.findall(
            r'href="([^"]+)" aria-label="Remove filter ([^"]+)"', str(response.content)
        )
    )
    left = next(k for k, v in chips.items() if v == "Actor: staff:grace")
    assert "staff" not in left
    assert "correlation" not in next(k for k, v in chips.items() if "Corr" in v)


@reading
def test_too_many_at_once_are_refused_beside_their_field() -> None:
    actors = [f"staff:{each}" for each in range(10)]
    response = superuser().get(EVENTS, {"actor": [*actors, "staff:x"], "source": ADMIN})
    assert "Ask for at most 10 at once." in (text(response, "filters") or "")
    assert text(response, "chips") == "Filtered by Source: back office × Clear all"
    response = superuser().get(
        EVENTS, {"actor": actors, "source": [REST, ADMIN], "stream": actors}
    )
    assert "Too many combinations at once" in (text(response, "filters") or "")
    assert "Actor" in (text(response, "chips") or "")
    assert "Source" not in (text(response, "chips") or "")


@reading
@pytest.mark.parametrize("place", ["x", "-1", "9" * 19, "9" * 400, "١٢"])
def test_a_place_that_is_none_is_no_error(place: str) -> None:
    client = superuser()
    for name in ("before", "after", "limit"):
        assert client.get(EVENTS, {name: place}).status_code == 200


@reading
def test_says_that_nothing_matches_and_how_to_clear() -> None:
    response = superuser().get(EVENTS, {"actor": "staff:nobody", "source": ADMIN})
    assert text(response, "empty") == (
        "No event matches. Asked for: Actor = staff:nobody , Source = back office ."
        " Clear all filters"
    )


@changing
def test_says_how_far_it_has_looked_and_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appended("user-1", source=ADMIN)
    for number in range(2, 9):
        appended(f"user-{number}", renamed(), source=ADMIN, expected_version=0)
        appended(f"user-{number}", source=REST, expected_version=1)
    monkeypatch.setattr(searching, "REACH", 2)
    monkeypatch.setattr(searching, "STEPS", 1)
    query = {"type": "UserCreated", "source": ADMIN}
    client = superuser()
    looked = client.get(EVENTS, query)
    assert text(looked, "empty") == (
        "No event matches as far as #12. There may be some beyond."
        " Search older events › Clear all filters"
    )
    assert "before=12" in attribute(looked, "search-on", "href")
    last = client.get(EVENTS, {**query, "before": "3"})
    assert positions(last) == "#1, 1 event shown"


@changing
def test_says_how_to_begin_when_there_is_no_event() -> None:
    response = superuser().get(EVENTS)
    assert text(response, "empty") == "No events recorded. Create a user"


@reading
def test_each_chip_takes_away_its_own_filter_only() -> None:
    query = {"actor": "client:tests", "type": ["UserCreated", "UserNameChanged"]}
    response = superuser().get(EVENTS, {**query, "before": "9"})
    assert [chip.without for chip in response.context["chips"]] == [
        "?actor=client%3Atests&type=UserNameChanged",
        "?actor=client%3Atests&type=UserCreated",
        "?type=UserCreated&type=UserNameChanged",
    ]


@changing
def test_needs_six_queries_at_any_depth(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(60):
        appended(f"user-{number}")
    client = superuser()
    for query in (
        {},
        {"before": "40", "limit": "25"},
        {"after": "9", "type": "UserCreated"},
        {"before": "40", "actor": "client:tests"},
        {"before": "40", "stream": "user-7", "source": REST},
    ):
        with django_assert_max_num_queries(6):
            client.get(EVENTS, query)


@changing
def test_an_event_shows_everything_it_is() -> None:
    correlation = uuid4()
    appended(STREAM, user_created(), renamed(), renamed(), correlation_id=correlation)
    (_first, event, _last) = store.read_stream(STREAM)
    client = superuser()
    response = client.get(f"{EVENTS}2/")
    when = f"{event.recorded_at.day} {event.recorded_at:%b %Y, %H:%M:%S} UTC"
    assert text(response, "event-fields") == (
        f"Circumstances Position #2 Stream {STREAM} version 2"
        " User at this version"
        " Type UserNameChanged, schema version 1 Actor REST client tests"
        " Source REST API"
        f" Recorded {when} Occurred {when}"
        f" Conversation {correlation} Copy Event id {event.event_id} Copy"
        " Leaf recomputed just now: fits"
    )
    assert text(response, "event-said") == (
        "What it says name was Ada Byron → now Ada King"
    )
    assert text(response, "event-data") == (
        "Data in the shape that was stored, version 1 · the whole event as JSON"
        ' { "new_name": "Ada King", "old_name": "Ada Byron" }'
    )
    assert attribute(response, "previous-in-stream", "href") == f"{EVENTS}1/"
    assert attribute(response, "next-in-stream", "href") == f"{EVENTS}3/"
    assert attribute(response, "to-conversation", "href") == f"/admin/c/{correlation}"
    assert attribute(response, "to-stream", "href") == f"/admin/s/{STREAM}"


@reading
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_can_change_an_event_here(method: str) -> None:
    client = superuser()
    for url in (EVENTS, f"{EVENTS}1/"):
        assert getattr(client, method)(url).status_code == 405
    assert len(store.read_stream("user-1")) == 2


@reading
@pytest.mark.parametrize("position", ["7", "9" * 30])
def test_an_event_that_is_not_there_is_a_page_that_says_so(position: str) -> None:
    response = superuser().get(f"{EVENTS}{position}/")
    assert response.status_code == 404
    said = f"There is no event at position {position}. Go to the dashboard"
    assert text(response, "not-found") == said


@reading
def test_a_short_link_leads_to_the_event() -> None:
    response = superuser().get("/admin/e/7")
    assert response.headers["Location"] == f"{EVENTS}7/"


@reading
def test_what_people_wrote_is_never_markup() -> None:
    client = superuser()
    for url in (EVENTS, f"{EVENTS}3/", f"{EVENTS}?actor={EVIL}&stream={EVIL}"):
        assert EVIL not in client.get(url).content.decode()


@changing
def test_types_that_only_the_log_knows_are_found_and_not_left_out_unasked() -> None:
    appended("user-1", user_created())
    with evolved.written_by(3):
        appended("parcel-1", evolved.ParcelSent(grams=1, city="Turin"))
    client = superuser()
    assert positions(client.get(EVENTS, {"type": "ParcelSent"})) == (
        "#2, 1 event shown"
    )
    others = client.get(EVENTS, {"type": "!UserCreated", "actor": "client:tests"})
    assert positions(others) == "#2, 1 event shown"
    assert "Type: !UserCreated" in (text(others, "chips") or "")


@changing
def test_fifty_rows_are_a_small_page_whatever_the_zone() -> None:
    for number in range(50):
        appended(f"user-{ADA}-{number}", renamed(f"Person {number}"))
    client = superuser()
    client.cookies[zones.COOKIE] = "Europe/Berlin"
    response = client.get(EVENTS)
    assert response.content.count(b"data-row>") == 50
    assert b" CET</time>" in response.content or b" CEST</time>" in response.content
    assert len(response.content) <= 60_000


@reading
def test_where_nothing_matches_the_nearest_on_both_sides_are_named() -> None:
    first, second = store.read_stream("user-1")
    gap = {
        "since": instant(second.recorded_at + timedelta(days=30)),
        "until": instant(second.recorded_at + timedelta(days=31)),
    }
    page = superuser().get(EVENTS, gap | {"stream": "user-1"})
    said = text(page, "nearest-earlier") or ""
    assert said.startswith("The last before: #2 UserNameChanged , ")
    assert text(page, "nearest-later") is None
    gap = {
        "since": instant(first.recorded_at - timedelta(days=31)),
        "until": instant(first.recorded_at - timedelta(days=30)),
    }
    page = superuser().get(EVENTS, gap | {"stream": "user-1"})
    said = text(page, "nearest-later") or ""
    assert said.startswith("The first after: #1 UserCreated , ")
    assert text(page, "nearest-earlier") is None


@changing
def test_the_whole_log_says_about_how_much_there_is_and_a_filter_does_not() -> None:
    appended("user-1", user_created(), renamed())
    with databases.acting_as("none"), connection.cursor() as cursor:
        cursor.execute("ANALYZE events")
    client = superuser()
    assert text(client.get(EVENTS, {"limit": "25"}), "store") == "about 2 in store"
    assert text(client.get(EVENTS, {"type": "UserCreated"}), "store") is None
