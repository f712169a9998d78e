from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from django.http import QueryDict

from projections import queries
from projections.admin.moments import Moment, MomentForm, look
from projections.queries import Chapter
from tests.factories import NOON, recorded, renamed, user_created
from users.aggregate import USER

HOUR = timedelta(hours=1)
ZONES = ("12:30:00Z", "13:30:00%2B01:00", "18:15:00%2B05:45", "00:30:00-12:00")


def history() -> list[Chapter]:
    """Created at noon, renamed at one o'clock and at three."""
    facts = [(0, user_created()), (1, renamed()), (3, renamed("Ada King", "Ada"))]
    chapters = []
    before = None
    for version, (hours, payload) in enumerate(facts, start=1):
        event = recorded(
            payload, version=version, position=version, recorded_at=NOON + hours * HOUR
        )
        after = USER.fold([payload], before)
        changes = queries.differences(before, after)
        chapters.append(Chapter(event=event, changes=changes, after=after))
        before = after
    return chapters


def asked(query: str) -> Moment:
    chapters = history()
    return look(chapters, MomentForm(QueryDict(query), head=len(chapters)))


def name_then(moment: Moment) -> tuple[str | None, str | None]:
    (name, *_others) = moment.fields
    return name.then, name.now


def test_without_a_question_it_is_now() -> None:
    moment = asked("")
    assert (moment.is_now, moment.version, moment.head) == (True, 3, 3)
    assert name_then(moment) == ("Ada", "Ada")
    assert [field.is_changed for field in moment.fields] == [False, False, False]


@pytest.mark.parametrize("time", ZONES)
def test_an_instant_is_the_same_in_every_zone(time: str) -> None:
    moment = asked(f"at=2026-11-06T{time}")
    assert moment.version == 1
    assert name_then(moment) == ("Ada Byron", "Ada")
    assert moment.last is not None
    assert moment.last.version == 1
    assert moment.following is not None
    assert moment.following.recorded_at == NOON + HOUR


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("11:59:59.999999Z", 0),
        ("12:00:00Z", 1),
        ("12:59:59.999999Z", 1),
        ("13:00:00Z", 2),
        ("14:59:59Z", 2),
        ("15:00:00Z", 3),
        ("16:00:00Z", 3),
    ],
)
def test_an_event_counts_from_the_instant_it_was_recorded(
    at: str, version: int
) -> None:
    assert asked(f"at=2026-11-06T{at}").version == version


def backdated() -> list[Chapter]:
    """The third event, recorded last, became true between the first two."""
    first, second, third = (chapter.event for chapter in history())
    early = msgspec.structs.replace(third, occurred_at=NOON + HOUR / 2)
    late = msgspec.structs.replace(second, occurred_at=NOON + HOUR)
    return queries.told([first, late, early])


@pytest.mark.parametrize(
    ("at", "count", "name", "shown", "until"),
    [
        ("11:59", 0, None, 0, NOON),
        ("12:15", 1, "Ada Byron", 1, NOON + HOUR / 2),
        ("12:45", 2, "Ada", 3, NOON + HOUR),
        ("13:00", 3, "Ada King", 2, None),
    ],
)
def test_what_was_true_is_told_in_order_of_occurrence(
    at: str, count: int, name: str | None, shown: int, until: datetime | None
) -> None:
    form = MomentForm(QueryDict(f"as_of=2026-11-06T{at}:00Z"), head=3)
    moment = look(backdated(), form)
    assert (moment.version, moment.shown, moment.until) == (count, shown, until)
    assert name_then(moment) == (name, "Ada")
    assert (moment.is_truth, moment.is_now) == (True, False)


def test_before_the_first_event_there_was_nothing() -> None:
    moment = asked("at=2026-11-06T11:00:00Z")
    assert (moment.version, moment.last) == (0, None)
    assert name_then(moment) == (None, "Ada")
    assert moment.following is not None
    assert moment.following.recorded_at == NOON


def test_a_version_names_the_state_after_its_event() -> None:
    moment = asked("v=2")
    assert (moment.is_now, moment.version) == (False, 2)
    assert name_then(moment) == ("Ada King", "Ada")


def test_explains_each_field_by_the_event_that_set_it_by_then() -> None:
    set_by = {
        field.name: field.set_by.version
        for field in asked("v=2").fields
        if field.set_by
    }
    assert set_by == {"name": 2, "email": 1, "status": 1}


@pytest.mark.parametrize(
    ("query", "field", "error"),
    [
        (
            *("at=soon", "at"),
            "Enter a time such as 2026-11-06 15:00, yesterday 15:00 or 3pm.",
        ),
        ("at=2999-01-01T00:00Z", "at", "This moment is still to come."),
        ("as_of=2999-01-01T00:00Z", "as_of", "This moment is still to come."),
        ("v=4", "v", "There are only 3 versions."),
        ("v=-1", "v", "Ensure this value is greater than or equal to 0."),
        ("v=x", "v", "Enter a whole number."),
        ("date=6.11.", "date", "Enter a valid date."),
        ("date=2026-11-06&time=25:00", "time", "Enter a valid time."),
    ],
)
def test_a_question_without_sense_is_explained_and_shows_now(
    query: str, field: str, error: str
) -> None:
    form = MomentForm(QueryDict(query), head=3)
    assert form.errors.get(field) == [error]
    assert form.typed() is None
    assert asked(query).is_now


@pytest.mark.parametrize(
    ("query", "typed"),
    [
        ("date=2026-11-06&time=15:00", "2026-11-06T15:00:00+00:00"),
        ("date=2026-11-06&time=15:00:07", "2026-11-06T15:00:07+00:00"),
        ("date=2026-11-06", "2026-11-06T23:59:59+00:00"),
    ],
)
def test_a_date_and_a_time_are_read_in_utc(query: str, typed: str) -> None:
    form = MomentForm(QueryDict(query), head=3)
    assert form.typed() == datetime.fromisoformat(typed)
