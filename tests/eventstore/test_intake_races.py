"""Many at once: one record of one delivery, one worker a source, nobody comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from django.db import connection

from eventstore import store
from eventstore.intake import mapping, raw
from eventstore.intake.models import RawRecord, RecordMapping
from eventstore.intake.raw import Received
from tests.intake import crm, erase, receive, states, work
from users.sources.stating import stream_of

__all__ = ["crm"]


def test_ten_sessions_that_bring_one_record_keep_one(committed_db: str) -> None:
    del committed_db
    start = threading.Barrier(10)
    told: list[tuple[UUID, bool]] = []

    def bring() -> None:
        start.wait()
        (kept,) = raw.keep(
            [Received(source="crm", kind=raw.WEBHOOK, key="1", body=b"{}")]
        )
        told.append((kept.record_id, kept.is_new))
        connection.close()

    threads = [threading.Thread(target=bring) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(is_new for _id, is_new in told) == [False] * 9 + [True]
    assert len({record_id for record_id, _is_new in told}) == 1
    assert RawRecord.objects.count() == RecordMapping.objects.count() == 1


def at_once(*acts: Callable[[], object]) -> None:
    """Do all of *acts* at the same moment, each in a session of its own."""
    start = threading.Barrier(len(acts))
    errors: list[BaseException] = []

    def act(does: Callable[[], object]) -> None:
        try:
            start.wait()
            does()
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=[each]) for each in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.usefixtures("committed_db", "crm")
def test_eight_workers_map_each_record_once_and_in_order() -> None:
    for number in range(40):
        person = {"id": str(number % 4), "name": f"Name {number}"}
        receive(person | {"email": f"{number % 4}@example.com"})

    at_once(*[lambda: mapping.map_due(60)] * 8)
    work()
    assert states() == ["applied"] * 40
    for entity in range(4):
        events = store.read_stream(stream_of("crm", str(entity)))
        names = [e.data.get("new_name", e.data.get("name")) for e in events]
        assert names == [f"Name {number}" for number in range(entity, 40, 4)]


@pytest.mark.usefixtures("committed_db", "crm")
def test_whoever_is_erased_while_records_are_mapped_leaves_no_body() -> None:
    for number in range(12):
        person = {"id": str(number), "name": "Ada", "email": f"{number}@example.com"}
        receive(person)
        work()
        # One that says nothing new, and one that does.
        receive(person)
        receive(person | {"name": f"Ada {number}"})
        at_once(work, partial(erase, str(number)))
        work()
        bodies = set(RawRecord.objects.values_list("body", flat=True))
        assert bodies == {None}
    assert set(states()) <= {"applied", "unchanged", "erased"}
