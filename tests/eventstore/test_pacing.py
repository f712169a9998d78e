from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from django.conf import LazySettings

from eventstore import batching, pacing, subscriptions
from eventstore.events import RecordedEvent
from tests.factories import appended, renamed, user_created

NAME = "paced"
MOST = 500


@pytest.fixture(autouse=True)
def forgotten(settings: LazySettings) -> Iterator[None]:
    settings.BATCH_TARGET_MS = 1_000
    yield
    pacing.took(NAME, 0, size=MOST, most=MOST)


def after(*batches: float) -> int:
    for seconds in batches:
        pacing.took(NAME, seconds, size=pacing.size(NAME, most=MOST), most=MOST)
    return pacing.size(NAME, most=MOST)


@pytest.mark.parametrize(
    ("batches", "size"),
    [
        ((), 500),
        ((0.001,), 500),  # never above the most
        ((1.0,), 500),
        ((2.0,), 250),
        ((2.0, 0.9), 500),
        ((10.0, 1.0), 100),
        ((10.0, 1.0, 0.5, 0.5, 0.5), 500),
        ((1_000_000.0,), 1),  # always one
        ((1_000_000.0, 1_000_000.0), 1),
    ],
)
def test_a_batch_is_made_to_fit_its_time(batches: Sequence[float], size: int) -> None:
    assert after(*batches) == size


def test_each_subscription_has_a_pace_of_its_own() -> None:
    after(2.0)
    assert pacing.size("another", most=MOST) == MOST
    assert pacing.size(NAME, most=7) == 7


@pytest.mark.usefixtures("committed_db")
def test_a_subscription_that_is_slow_reads_less_at_once_and_leaves_nothing_out(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(batching, "BATCH_SIZE", 4)
    settings.BATCH_TARGET_MS = 0  # every batch is too slow
    appended("user-1", user_created(), *[renamed(new=f"Ada {n}") for n in range(6)])
    batches: list[list[int]] = []

    def apply(events: Sequence[RecordedEvent]) -> None:
        batches.append([event.version for event in events])

    subscriptions.catch_up(subscriptions.Projection(name=NAME, apply=apply))
    assert batches == [[1, 2, 3, 4], [5], [6], [7]]
