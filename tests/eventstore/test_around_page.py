from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from eventstore.archive.importing import import_events
from eventstore.events import ADMIN
from eventstore.templatetags.backoffice import instant
from tests.backoffice import EVENTS, attribute, regions, superuser, text
from tests.eventstore.test_archive import line
from tests.factories import NOON, appended

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")

AT = NOON - timedelta(days=400)


def history(*seconds: int) -> None:
    """One event at each of these offsets from AT, in streams of their own."""
    import_events(
        [
            line(stream=f"user-{number}", recorded_at=instant(AT + timedelta(0, each)))
            for number, each in enumerate(seconds)
        ]
    )


def looked(**query: str) -> tuple[list[int], list[int]]:
    """Positions after the instant, and at it or before; newest first."""
    found = superuser().get(EVENTS, {"around": instant(AT), **query}).context["found"]
    later, earlier = (
        [event.position for event in side] for side in (found.later, found.earlier)
    )
    return later, earlier


def test_shows_both_sides_newest_first_with_a_ruler_between() -> None:
    history(-301, -300, -1, 0, 1, 300, 301)
    assert looked() == ([6, 5], [4, 3, 2])
    response = superuser().get(EVENTS, {"around": instant(AT)})
    when = f"{AT.day} {AT:%b %Y, %H:%M:%S}.000 UTC"
    assert text(response, "ruler") == when
    assert text(response, "range") == "2 after, 3 at this instant or before"
    rows = text(response, "events-table") or ""
    assert rows.index(" #5 ") < rows.index(when) < rows.index(" #4 ")


@pytest.mark.parametrize(
    ("window", "shown"),
    [
        ("1m", ([4], [3])),
        ("5m", ([4], [3])),
        ("1h", ([5, 4], [3, 2])),
        ("1d", ([6, 5, 4], [3, 2, 1])),
        ("9y", ([4], [3])),
    ],
)
def test_looks_as_far_as_asked(window: str, shown: tuple[list[int], list[int]]) -> None:
    history(-86_400, -3600, -60, 60, 3600, 86_400)
    assert looked(window=window) == shown


def test_of_too_many_the_nearest_are_shown() -> None:
    history(*range(-20, 21))
    later, earlier = looked(limit="25")
    assert (later, earlier) == (list(range(33, 21, -1)), list(range(21, 8, -1)))
    response = superuser().get(EVENTS, {"around": instant(AT), "limit": "25"})
    assert (text(response, "range") or "").endswith("only the nearest are shown")


def test_filters_apply_here_too() -> None:
    history(-2, -1, 0, 1)
    assert looked(stream="user-1") == ([], [2])
    assert looked(source=ADMIN) == ([], [])
    assert looked(until=instant(AT)) == ([], [2, 1])


def test_an_instant_at_which_nothing_was_says_so() -> None:
    response = superuser().get(EVENTS, {"around": "2001-01-01T00:00:00Z"})
    rows = text(response, "events-table") or ""
    assert "Nothing was recorded in the 5 minutes after." in rows
    assert "Nothing was recorded in the 5 minutes before." in rows


def test_a_time_in_words_becomes_a_link_that_stays_true() -> None:
    query = {"around": "yesterday 15:00", "before": "7", "source": ADMIN}
    response = superuser().get(EVENTS, query)
    asked = parse_qs(urlsplit(response.headers["Location"]).query)
    yesterday = timezone.now().date() - timedelta(days=1)
    assert asked == {"around": [f"{yesterday}T15:00:00Z"], "source": [ADMIN]}


def test_a_time_that_is_none_is_told_beside_the_field_and_the_rest_is_kept() -> None:
    appended("user-1", source=ADMIN, actor="staff:grace")
    response = superuser().get(EVENTS, {"around": "soon", "source": ADMIN})
    said = text(response, "filters") or ""
    assert "Enter a time such as 2026-11-06 15:00, yesterday 15:00 or 3pm." in said
    assert text(response, "range") == "#1, 1 event shown"


def test_leaving_the_instant_leaves_the_window_too() -> None:
    query = {"around": instant(AT), "window": "1h", "source": ADMIN}
    chips = superuser().get(EVENTS, query).context["chips"]
    assert {chip.without for chip in chips} == {
        "?source=admin",
        f"?around={instant(AT).replace(':', '%3A')}&window=1h",
    }


def test_pages_on_through_the_log_from_there() -> None:
    history(-2, -1, 1)
    response = superuser().get(EVENTS, {"around": instant(AT)})
    assert attribute(response, "from-here", "href") == "?before=3"
    assert regions(response, "window-1h") == ["1 hour"]


def test_needs_six_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    history(*range(-20, 21))
    client = superuser()
    with django_assert_max_num_queries(6):
        client.get(EVENTS, {"around": instant(AT), "limit": "25"})


def test_the_data_of_all_rows_is_shown_when_asked() -> None:
    appended("user-1")
    client = superuser()
    expanded = client.get(EVENTS, {"expand": "1"})
    assert b'<tr class="data">' in expanded.content
    assert b'<tr class="data"' not in client.get(EVENTS).content
    assert text(expanded, "expand-all") == "Collapse all"
