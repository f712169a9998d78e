from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from eventstore.models import StoredEvent
from tests.factories import appended
from tests.feeds import Stream
from tests.journeys.cast import Cast

WRITERS = 4
APPENDS_EACH = 60


def write(seed: int) -> None:
    """Append late, twice in a transaction, and sometimes not at all."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    pause = threading.Event()
    for number in range(APPENDS_EACH):
        with transaction.atomic():
            appended(f"user-{seed}-{number}")
            pause.wait(chance.random() / 20)
            appended(f"user-{seed}-{number}-more")
            transaction.set_rollback(chance.random() < 0.2)
    connection.close()


def everything(cast: Cast, *, a_time: int) -> list[int]:
    """Hear the log up to its last event, coming back after every few."""
    heard: list[int] = []
    while (
        not heard or heard[-1] < StoredEvent.objects.order_by("-position")[0].position
    ):
        stream = Stream(cast.feed_port, cast.token, last_event_id=(heard or [0])[-1])
        heard += stream.positions(min(a_time, missing(heard)))
        stream.close()
    connection.close()
    return heard


def missing(heard: list[int]) -> int:
    after = heard[-1] if heard else 0
    return max(StoredEvent.objects.filter(position__gt=after).count(), 1)


def test_no_listener_misses_or_repeats_an_event_of_unruly_writers(cast: Cast) -> None:
    cast.start_feed()
    appended("user-first")
    steady = Stream(cast.feed_port, cast.token, after=0)
    with ThreadPoolExecutor(WRITERS + 2) as pool:
        writers = [pool.submit(write, seed) for seed in range(WRITERS)]
        restless = [pool.submit(everything, cast, a_time=n) for n in (1, 7)]
        for writer in writers:
            writer.result()
        restless_heard = [each.result() for each in restless]
    recorded = list(
        StoredEvent.objects.order_by("position").values_list("pk", flat=True)
    )
    assert steady.positions(len(recorded)) == recorded
    late = Stream(cast.feed_port, cast.token, after=0)
    assert late.positions(len(recorded)) == recorded
    for heard in restless_heard:
        assert heard == recorded[: len(heard)]
    steady.close()
    late.close()


@pytest.mark.parametrize("gently", [True, False])
def test_a_feed_that_ends_loses_nothing(cast: Cast, gently: bool) -> None:  # noqa: FBT001
    cast.start_feed()
    stream = Stream(cast.feed_port, cast.token)
    appended("user-1")
    assert stream.positions(1) == [1]
    if gently:
        cast.terminate("feed")
        assert stream.next() is None
        assert stream.comments == ["the feed stops; come back with Last-Event-ID"]
    else:
        cast.kill("feed")
    stream.close()
    appended("user-2")
    cast.start_feed()
    again = Stream(cast.feed_port, cast.token, last_event_id=1)
    appended("user-3")
    assert again.positions(2) == [2, 3]
    again.close()
    assert "ERROR" not in cast.log("feed")
