from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from eventstore import repository, store
from tests.factories import ADA, NOON, appended, renamed, user_created
from users.aggregate import USER

STREAM = USER.stream(ADA)
MONTH = timedelta(days=30)
pytestmark = pytest.mark.django_db


def story() -> None:
    """Known from month 0; called King from 3; found out later: Noel from 2 on."""
    for version, (month, event) in enumerate(
        [(0, user_created()), (3, renamed(new="Ada King")), (2, renamed(new="Ada N."))]
    ):
        when = NOON + month * MONTH
        appended(STREAM, event, expected_version=version, occurred_at=when)


@pytest.mark.parametrize(
    ("month", "name", "events", "last"),
    [
        (-1, None, 0, None),
        (0, "Ada Byron", 1, 1),
        (1, "Ada Byron", 1, 1),
        (2, "Ada N.", 2, 3),
        (3, "Ada King", 3, 2),
        (9, "Ada King", 3, 2),
    ],
)
def test_what_was_true_is_folded_in_order_of_occurrence(
    month: int, name: str | None, events: int, last: int | None
) -> None:
    story()
    loaded = repository.load(USER, ADA, as_of=NOON + month * MONTH)
    assert (loaded.state.name if loaded.state else None) == name
    assert loaded.version == events
    assert (loaded.last.version if loaded.last else None) == last


def test_now_is_the_newest_word_whenever_it_was_true() -> None:
    story()
    now = repository.load(USER, ADA)
    assert (now.state.name if now.state else None, now.version) == ("Ada N.", 3)


def test_what_was_true_may_be_asked_by_what_was_known_at_a_version() -> None:
    story()
    loaded = repository.load(USER, ADA, version=2, as_of=NOON + 2 * MONTH)
    assert (loaded.state.name if loaded.state else None) == "Ada Byron"


def test_what_became_true_at_one_instant_keeps_the_order_of_recording() -> None:
    appended(
        STREAM, user_created(), renamed(new="1"), renamed(new="2"), occurred_at=NOON
    )
    loaded = repository.load(USER, ADA, as_of=NOON)
    assert (loaded.state.name if loaded.state else None) == "2"


def test_what_is_dated_before_the_creation_changes_nobody() -> None:
    appended(STREAM, user_created(), occurred_at=NOON)
    early = NOON - MONTH
    appended(STREAM, renamed(new="Early"), expected_version=1, occurred_at=early)
    assert repository.load(USER, ADA, as_of=early).state is None
    loaded = repository.load(USER, ADA, as_of=NOON)
    assert (loaded.state.name if loaded.state else None) == "Ada Byron"


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    months=strategies.lists(strategies.integers(0, 12), min_size=1, max_size=12),
    asked=strategies.integers(-1, 13),
    salt=strategies.uuids(version=4),
)
def test_it_is_the_fold_of_a_sorted_history(
    months: list[int], asked: int, salt: object
) -> None:
    stream = f"user-{salt}"
    head = store.read_stream(stream)
    for version, month in enumerate(months, start=len(head)):
        event = renamed(new=f"Ada {version}") if version else user_created()
        when = NOON + month * MONTH
        appended(stream, event, expected_version=version, occurred_at=when)
    instant = NOON + asked * MONTH
    events = [e for e in store.read_stream(stream) if e.occurred_at <= instant]
    events.sort(key=lambda event: (event.occurred_at, event.version))
    loaded = repository.load_stream(USER, stream, as_of=instant)
    assert loaded.state == USER.fold(event.payload for event in events)
    assert loaded.last == (events[-1] if events else None)
