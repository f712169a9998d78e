from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from eventstore import store
from eventstore.archive import importing
from eventstore.archive.importing import import_events
from eventstore.errors import ImportRefusedError
from eventstore.models import ImportedRange
from tests.eventstore.test_archive import line
from tests.factories import appended

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")


def beside(work: Callable[[], object]) -> tuple[threading.Thread, list[Exception]]:
    failures: list[Exception] = []

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET ROLE none")  # only the owner imports
            work()
        except ImportRefusedError as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures


def wait_until_somebody_waits() -> None:
    end = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
    pytest.fail("nobody waited")


def test_ranges_hold_exactly_what_was_imported_beside_live_appends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importing, "BATCH_SIZE", 10)
    lines = [line(stream=f"user-past{number}") for number in range(400)]
    thread, failures = beside(lambda: import_events(lines))
    number = 0
    while thread.is_alive():
        number += 1
        appended(f"user-live{number}")
    thread.join()
    assert failures == []
    events = store.read_all(
        after=0, until=store.watermark(), buckets=range(16), limit=100_000
    )
    assert len(events) == 400 + number
    imported = {
        position
        for each in ImportedRange.objects.all()
        for position in range(each.first_position, each.last_position + 1)
    }
    assert imported == {
        event.position for _, event in events if event.stream.startswith("user-past")
    }


def test_an_uncommitted_import_holds_the_watermark_down() -> None:
    first = appended("user-1")
    with transaction.atomic():
        import_events([line(stream="user-2"), line(stream="user-3")])
        seen: list[int] = []
        thread, _failures = beside(lambda: seen.append(store.watermark()))
        thread.join()
    assert seen == [first.position]
    assert store.watermark() == first.position + 2


def test_loses_a_race_with_a_live_append_and_says_why() -> None:
    with transaction.atomic():
        appended("user-1")
        thread, failures = beside(
            lambda: import_events([line(stream="user-0"), line(stream="user-1")])
        )
        wait_until_somebody_waits()
    thread.join()
    (refused,) = failures
    assert str(refused).startswith("line 2: user-1 is at version 1")
    assert store.read_stream("user-0") == []
    assert ImportedRange.objects.count() == 0
