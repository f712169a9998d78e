from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies

from eventstore.events import RecordedEvent, UnknownEvent
from projections import directory
from projections.models import DirectoryEntry
from tests.factories import ADA, recorded, renamed, user_created
from users.events import UserEmailChanged, UserStatusChanged
from users.values import Status

CHANGES = strategies.sampled_from(
    [
        renamed("?", "Ada King"),
        renamed("?", "Ada Lovelace"),
        UserEmailChanged(old_email="?", new_email="king@example.com"),
        UserStatusChanged(old_status=Status.ACTIVE, new_status=Status.SUSPENDED),
        UserStatusChanged(old_status=Status.SUSPENDED, new_status=Status.ACTIVE),
    ]
)


def stream(*payloads: Any, user_id: UUID = ADA, first: int = 1) -> list[RecordedEvent]:
    return [
        recorded(
            payload,
            stream=f"user-{user_id}",
            version=version,
            position=first + version,
        )
        for version, payload in enumerate(payloads, 1)
    ]


def columns(row: DirectoryEntry | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {field: getattr(row, field) for field in directory.FIELDS}


def test_a_row_is_the_fold_of_the_users_events() -> None:
    row = directory.fold(
        stream(
            user_created(name="Ada", email="ada@example.com"),
            renamed("Ada", "Ada King"),
            UserEmailChanged(old_email="?", new_email="king@example.com"),
            UserStatusChanged(old_status=Status.ACTIVE, new_status=Status.SUSPENDED),
        )
    )
    assert row is not None
    assert (row.name, row.email, row.status) == (
        "Ada King",
        "king@example.com",
        "suspended",
    )
    assert (row.source, row.version, row.position) == ("rest", 4, 5)


def test_an_event_of_no_known_type_moves_only_the_version() -> None:
    created, odd = stream(user_created(), renamed())
    unknown = UnknownEvent(type="UserTeleported", data={})
    odd = recorded(renamed(), version=2, position=3)
    row = directory.fold([created])
    assert row is not None
    odd = msgspec.structs.replace(odd, payload=unknown)
    after = directory.project(row, odd)
    assert after is not None
    assert (after.name, after.version) == ("Ada Byron", 2)


def test_a_stream_that_begins_in_the_middle_has_no_row() -> None:
    assert directory.fold([recorded(renamed(), version=2)]) is None


@pytest.mark.django_db
@given(
    changes=strategies.lists(CHANGES, max_size=8),
    cuts=strategies.lists(strategies.integers(0, 9), max_size=3),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_cut_into_batches_and_any_repetition_gives_the_same_row(
    changes: list[Any], cuts: list[int]
) -> None:
    DirectoryEntry.objects.all().delete()
    events = stream(user_created(), *changes)
    at = 0
    for cut in [*sorted(cuts), len(events)]:
        directory.apply(events[at:cut])
        directory.apply(events[:cut])
        directory.apply(events[: cut // 2])
        at = cut
    stored = DirectoryEntry.objects.get(user_id=ADA)
    assert columns(stored) == columns(directory.fold(events))


@pytest.mark.django_db
def test_a_batch_of_many_users_takes_two_statements(
    django_assert_num_queries: Any,
) -> None:
    events = [
        event
        for number in range(50)
        for event in stream(user_created(), renamed(), user_id=UUID(int=number + 1))
    ]
    with django_assert_num_queries(2):
        directory.apply(events)
    assert DirectoryEntry.objects.filter(name="Ada King", version=2).count() == 50


@pytest.mark.django_db
def test_events_of_other_streams_are_none_of_its_business() -> None:
    directory.apply([recorded(renamed(), stream=f"reprocess-{ADA}")])
    assert DirectoryEntry.objects.count() == 0
