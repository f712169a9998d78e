from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from pytest_django import DjangoAssertNumQueries

from eventstore import repository, store
from eventstore.erasure import forget
from eventstore.events import RecordedEvent
from projections import history
from projections.models import UserPeriod
from tests.factories import (
    ADA,
    NOON,
    appended,
    metadata,
    recorded,
    renamed,
    user_created,
)
from users import services
from users.aggregate import USER
from users.commands import EraseUser
from users.events import UserEmailChanged, UserStatusChanged
from users.values import ErasureGround, Status

HOUR = timedelta(hours=1)
CHANGES = strategies.sampled_from(
    [
        renamed("?", "Ada King"),
        renamed("?", "Ada Lovelace"),
        UserEmailChanged(old_email="?", new_email="king@example.com"),
        UserStatusChanged(old_status=Status.ACTIVE, new_status=Status.SUSPENDED),
        UserStatusChanged(old_status=Status.SUSPENDED, new_status=Status.ACTIVE),
    ]
)
STORIES = strategies.lists(
    strategies.tuples(strategies.integers(0, 5), CHANGES), max_size=7
)


def told(user_id: UUID, story: list[tuple[int, Any]]) -> list[RecordedEvent]:
    """Append a creation at hour 2 and *story*, each event at its hour; read it back."""
    stream = USER.stream(user_id)
    for version, (hour, event) in enumerate([(2, user_created()), *story]):
        when = NOON + hour * HOUR
        appended(stream, event, expected_version=version, occurred_at=when)
    return store.read_stream(stream)


def facts(period: UserPeriod | None) -> tuple[Any, ...] | None:
    if period is None:
        return None
    state = (period.name, period.email, period.status)
    return (*state, period.version, period.position)


def loaded(user_id: UUID, **instant: Any) -> tuple[Any, ...] | None:
    found = repository.load(USER, user_id, **instant)
    if found.state is None:
        return None
    state = (found.state.name, found.state.email, found.state.status.value)
    return (*state, found.version, found.position)


@pytest.mark.django_db
@given(story=STORIES, cuts=strategies.lists(strategies.integers(0, 8), max_size=3))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_batches_give_what_a_load_gives_at_every_instant(
    story: list[tuple[int, Any]], cuts: list[int]
) -> None:
    user_id = uuid4()
    events = told(user_id, story)
    at = 0
    for cut in [*sorted(cuts), len(events)]:
        history.apply(events[at:cut])
        history.apply(events[:cut])
        at = max(at, cut)
    mine = UserPeriod.objects.filter(user_id=user_id)
    for instant in {e.recorded_at for e in events} | {NOON, events[-1].recorded_at}:
        found = mine.filter(recorded__contains=instant)
        expected = loaded(user_id, at=instant)
        assert [facts(each) for each in found] == ([expected] if expected else [])
    for half_hour in range(-1, 13):
        instant = NOON + half_hour * HOUR / 2
        found = mine.filter(valid__contains=instant)
        expected = loaded(user_id, as_of=instant)
        assert [facts(each) for each in found] == ([expected] if expected else [])


@pytest.mark.django_db
def test_a_history_told_in_order_has_one_row_an_event() -> None:
    events = told(ADA, [(3, renamed()), (4, renamed("Ada King", "Ada N."))])
    history.apply(events[:1])
    history.apply(events[1:])
    rows = UserPeriod.objects.order_by("version")
    assert [(row.name, row.valid.lower, row.valid.upper) for row in rows] == [
        ("Ada Byron", NOON + 2 * HOUR, NOON + 3 * HOUR),
        ("Ada King", NOON + 3 * HOUR, NOON + 4 * HOUR),
        ("Ada N.", NOON + 4 * HOUR, None),
    ]
    assert [row.recorded.lower for row in rows] == [e.recorded_at for e in events]


@pytest.mark.django_db
def test_what_is_dated_back_has_its_users_true_periods_derived_anew() -> None:
    events = told(ADA, [(4, renamed()), (3, renamed(new="Ada N."))])
    for event in events:
        history.apply([event])
    true = UserPeriod.objects.filter(valid__isnull=False).order_by("valid")
    assert [row.name for row in true] == ["Ada Byron", "Ada N.", "Ada King"]
    told_so = UserPeriod.objects.filter(recorded__isnull=False).order_by("recorded")
    assert [row.name for row in told_so] == ["Ada Byron", "Ada King", "Ada N."]


@pytest.mark.django_db
def test_a_batch_of_many_users_takes_three_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    users = [UUID(int=number + 1) for number in range(50)]

    def events(payload: Any, version: int) -> list[RecordedEvent]:
        when = NOON + version * HOUR
        return [
            recorded(
                payload,
                stream=USER.stream(user_id),
                version=version,
                recorded_at=when,
                occurred_at=when,
            )
            for user_id in users
        ]

    history.apply(events(user_created(), 1))
    with django_assert_num_queries(3):
        history.apply(events(renamed(), 2))
    assert UserPeriod.objects.filter(valid__contains=NOON + HOUR).count() == 50
    assert UserPeriod.objects.filter(name="Ada King").count() == 50


@pytest.mark.django_db
def test_a_clock_set_back_leaves_no_gap() -> None:
    def event(payload: Any, version: int, hour: int) -> RecordedEvent:
        when = NOON + hour * HOUR
        return recorded(payload, version=version, recorded_at=when)

    first, second = event(user_created(), 1, 2), event(renamed(), 2, 1)
    history.apply([first])
    history.apply([second])
    now = UserPeriod.objects.get(recorded__contains=NOON + 2 * HOUR)
    assert (now.name, UserPeriod.objects.filter(recorded__isempty=True).count()) == (
        "Ada King",
        1,
    )


@pytest.mark.django_db
def test_erasing_a_person_deletes_every_period_at_once() -> None:
    before = told(ADA, [(3, renamed())])
    history.apply(before)
    assert UserPeriod.objects.count() == 2
    forget(USER.stream(ADA))
    assert UserPeriod.objects.count() == 0


@pytest.mark.usefixtures("committed_db")
def test_no_batch_brings_an_erased_person_back() -> None:
    before = told(ADA, [(3, renamed())])
    history.apply(before)
    command = EraseUser(user_id=ADA, ground=ErasureGround.REQUEST)
    services.execute(command, metadata())
    assert UserPeriod.objects.count() == 0
    after = store.read_stream(USER.stream(ADA))
    history.apply(before)  # a worker that held them in clear
    history.apply(after[-1:])
    assert UserPeriod.objects.count() == 0
    history.apply(after)
    assert UserPeriod.objects.count() == 0


@pytest.mark.django_db
def test_events_of_other_streams_are_none_of_its_business() -> None:
    history.apply([recorded(renamed(), stream=f"reprocess-{ADA}")])
    assert UserPeriod.objects.count() == 0
