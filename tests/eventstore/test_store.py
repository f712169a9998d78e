from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore import store
from eventstore.errors import (
    ConcurrencyError,
    EmptyAppendError,
    EventIdTakenError,
    PayloadError,
    StreamNameError,
)
from eventstore.hashing import (
    canonical,
    instant,
    leaf,
    plain_hash,
    salted_hash,
)
from eventstore.models import StoredEvent
from tests.factories import appended, metadata, renamed, user_created
from users.events import UserCreated

pytestmark = pytest.mark.django_db


def test_appends_several_events_in_order_and_says_where_they_stand() -> None:
    done = appended("user-1", user_created(), renamed())
    read = store.read_stream("user-1")
    assert [event.version for event in read] == [1, 2]
    assert [event.payload for event in read] == [user_created(), renamed()]
    assert read[0].position < read[1].position
    assert (done.version, done.position) == (2, read[1].position)
    assert {event.recorded_at for event in read} == {done.recorded_at}


def test_keeps_every_circumstance() -> None:
    told = metadata(
        actor="staff:m.jones",
        source="admin",
        causation_id=uuid4(),
        occurred_at=datetime(2026, 11, 6, 15, 0, tzinfo=UTC),
        extra={"reason": "ticket Ä-1", "command_id": "c1"},
    )
    store.append("user-1", [user_created()], expected_version=0, metadata=told)
    (read,) = store.read_stream("user-1")
    assert (read.actor, read.source) == (told.actor, told.source)
    assert read.correlation_id == told.correlation_id
    assert read.causation_id == told.causation_id
    assert read.occurred_at == told.occurred_at
    assert read.metadata == told.extra


def test_occurred_when_recorded_unless_a_source_says_otherwise() -> None:
    appended("user-1")
    (read,) = store.read_stream("user-1")
    assert read.occurred_at == read.recorded_at


@pytest.mark.parametrize("expected", [0, 2, 7])
def test_refuses_a_stale_writer_and_says_why(expected: int) -> None:
    appended("user-1")
    with pytest.raises(ConcurrencyError) as caught, transaction.atomic():
        appended("user-1", renamed(), expected_version=expected)
    error = caught.value
    assert (error.stream, error.expected, error.actual) == ("user-1", expected, 1)
    assert len(store.read_stream("user-1")) == 1


def test_refuses_an_append_of_nothing() -> None:
    with pytest.raises(EmptyAppendError, match="no event to append to user-1"):
        store.append("user-1", [], expected_version=0, metadata=metadata())
    with pytest.raises(EmptyAppendError, match="no event to append"):
        store.append_many([])


def test_refuses_what_cannot_be_hashed_and_stores_nothing() -> None:
    with pytest.raises(PayloadError, match=r"\$\.name: NUL"):
        appended("user-1", user_created(), user_created(name="A\x00"))
    assert store.read_stream("user-1") == []


@pytest.mark.parametrize("odd", ["e\u0301", "a\x00", "\ud800"])
def test_refuses_names_whose_leaf_nobody_could_recompute(odd: str) -> None:
    with pytest.raises(PayloadError):
        appended("user-1", actor=odd)
    with pytest.raises(PayloadError):
        appended("user-1", source=odd)
    with pytest.raises((PayloadError, StreamNameError)):
        appended(f"user-{odd}")
    assert StoredEvent.objects.count() == 0


def test_refuses_an_event_id_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    same = uuid4()
    monkeypatch.setattr("uuid_utils.compat.uuid7", lambda: same)
    appended("user-1")
    with pytest.raises(EventIdTakenError), transaction.atomic():
        appended("user-2")
    assert store.read_stream("user-2") == []


def test_passes_other_database_errors_on() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        store.append(
            "user-1",
            [user_created()],
            expected_version=0,
            metadata=metadata(actor=None),
        )


def test_the_leaf_can_be_computed_outside_the_database() -> None:
    appended(
        'user-ä"1',
        user_created(name='Zoë "Z" \\ \u2028 \U0001f600', email="z@example.com"),
        extra={"reason": "ä\n\t\x1f"},
        actor="staff:zoë",
    )
    row = StoredEvent.objects.get(stream='user-ä"1')
    header = {
        "v": 1,
        "id": row.event_id,
        "stream": row.stream,
        "version": row.version,
        "type": row.type,
        "schema": row.schema_version,
        "recorded_at": instant(row.recorded_at),
        "occurred_at": instant(row.occurred_at),
        "actor": row.actor,
        "source": row.source,
        "correlation": row.correlation_id,
        "causation": row.causation_id,
        "data": salted_hash(bytes(row.salt), canonical(row.data)).hex(),
        "meta": plain_hash(canonical(row.metadata)).hex(),
    }
    assert bytes(row.leaf) == leaf(header)
    assert len(bytes(row.salt)) == 16


def test_two_equal_events_have_different_leaves() -> None:
    appended("user-1")
    appended("user-2")
    leaves = {bytes(row.leaf) for row in StoredEvent.objects.all()}
    assert len(leaves) == 2


@pytest.mark.usefixtures("superuser")
def test_time_never_runs_backwards_inside_a_stream() -> None:
    appended("user-1")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'position', nextval('events_position_seq'), 'version', 2, 'event_id',"
            " gen_random_uuid(), 'recorded_at', '2099-01-01T00:00:00Z'::text))).*"
            " FROM events AS e"
        )
    appended("user-1", renamed(), expected_version=2)
    appended("user-1", renamed(), renamed(), expected_version=3)
    future = datetime(2099, 1, 1, tzinfo=UTC)
    late = store.read_stream("user-1", from_version=2)
    assert [event.recorded_at for event in late] == [future] * 4


def test_reads_part_of_a_stream_by_version_and_by_time() -> None:
    day = timezone.now() - timedelta(days=1)
    appended("user-1", user_created(), occurred_at=day)
    appended("user-1", renamed(), expected_version=1)
    second = store.read_stream("user-1")[1]
    just_before = second.recorded_at - timedelta(microseconds=1)

    def versions(**bounds: object) -> list[int]:
        read = store.read_stream("user-1", **bounds)  # type: ignore[arg-type]
        return [event.version for event in read]

    assert versions(from_version=2) == [2]
    assert versions(to_version=1) == [1]
    assert versions(at=second.recorded_at) == [1, 2]
    assert versions(at=just_before) == [1]
    assert versions(as_of=day) == [1]
    assert versions(as_of=day - timedelta(seconds=1)) == []


@pytest.mark.usefixtures("superuser")
def test_reads_an_event_that_the_code_does_not_know() -> None:
    appended("user-1")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events SELECT (e).* FROM (SELECT jsonb_populate_record(e,"
            ' \'{"position": 900001, "version": 2, "type": "UserTeleported",'
            ' "data": {"to": "Mars"}}\''
            " || jsonb_build_object('event_id', gen_random_uuid())) AS e"
            " FROM events AS e) AS changed"
        )
    second = store.read_stream("user-1")[1]
    assert second.type == "UserTeleported"
    assert second.payload.data == {"to": "Mars"}


def test_a_payload_of_the_past_is_typed_again() -> None:
    appended("user-1")
    assert isinstance(store.read_stream("user-1")[0].payload, UserCreated)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.django_db
def test_a_bucket_is_the_databases(stream: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_bucket_v1(%s)", [stream])
        assert store.bucket_of(stream) == cursor.fetchone()[0]
