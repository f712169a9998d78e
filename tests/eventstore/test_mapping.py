"""Raw records become commands: in order, once, and never against the log."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from eventstore import erasure, store, vault
from eventstore.circumstances import acting
from eventstore.intake import courier, mapping
from eventstore.intake.models import RawRecord, RecordMapping, SourceEntity
from eventstore.intake.registry import Change, Record
from tests import intake
from tests.factories import known_user, metadata
from tests.intake import ADA, crm, let_time_pass, log, person, receive, states, work
from users import services
from users.aggregate import user_id_of
from users.commands import ChangeName
from users.sources import people
from users.sources.stating import state_person, stream_of
from users.values import Status

__all__ = ["crm"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("crm")]
STREAM = stream_of("crm", "1")


def rename(name: str) -> None:
    command = ChangeName(user_id=user_id_of(STREAM), name=name)
    services.execute(command, metadata())


def test_a_record_becomes_events_that_say_where_they_come_from() -> None:
    record_id = receive(ADA | {"status": "suspended"})
    work()
    found = person()
    assert found
    assert (found.name, found.email, found.status) == (
        "Ada Byron",
        "ada@example.com",
        Status.SUSPENDED,
    )
    events = store.read_stream(STREAM)
    assert [event.type for event in events] == ["UserCreated", "UserStatusChanged"]
    for event in events:
        assert (event.actor, event.source) == ("integration:crm", "intake")
        assert event.causation_id == event.correlation_id == record_id
        told = {k: event.metadata[k] for k in ("intake", "raw", "mapper", "entity")}
        assert told == {
            "intake": "crm",
            "raw": str(record_id),
            "mapper": "people",
            "entity": "1",
        }
        assert event.metadata["mapper_version"] == 1
    assert states() == ["applied"]


def test_a_later_record_changes_only_what_it_says_anew() -> None:
    receive(ADA)
    receive({"id": "1", "email": "ada@king.example"})
    receive(ADA | {"email": "ada@king.example"})
    work()
    assert [kind for kind, _ in log()] == ["UserCreated", "UserEmailChanged"]
    assert states() == ["applied", "applied", "unchanged"]


def test_a_source_that_repeats_itself_undoes_nobodys_edit() -> None:
    receive(ADA)
    work()
    rename("Ada King")
    receive(ADA | {"email": "ada@king.example"})
    work()
    found = person()
    assert found
    assert (found.name, found.email) == ("Ada King", "ada@king.example")


def test_what_is_older_than_what_was_said_last_is_stale() -> None:
    receive(ADA | {"changed_at": "2026-11-06T12:00:00Z"})
    receive(ADA | {"name": "Old", "changed_at": "2026-11-06T11:59:59Z"})
    receive(ADA | {"name": "New", "changed_at": "2026-11-06T12:00:00Z"})
    work()
    assert states() == ["applied", "stale", "applied"]
    first, last = store.read_stream(STREAM)
    assert first.occurred_at == datetime(2026, 11, 6, 12, tzinfo=UTC)
    assert last.data["new_name"] == "New"


def test_what_is_said_to_happen_in_the_future_happens_now() -> None:
    receive(ADA | {"changed_at": "9999-01-01T00:00:00Z"})
    work()
    (event,) = store.read_stream(STREAM)
    assert event.occurred_at <= timezone.now()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (b'{"id": NaN}', "not_json"),
        (b'{"id": "1", "id": "2"}', "duplicate_key"),
        (b"[" * 200 + b"]" * 200, "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b'{"id": 1' + b"0" * 5_000 + b"}", "number_too_long"),
        (b"[]", "not_an_object"),
        (b'{"id": 17}', "no_id"),
        (b'{"id": "a\\u0000b"}', "no_id"),
        (b'{"id": "\\ud800"}', "no_id"),
        (b'{"id": "1", "name": 7}', "not_a_text"),
        (b'{"id": "1", "changed_at": "yesterday"}', "bad_instant"),
        (b'{"id": "1", "changed_at": 5}', "bad_instant"),
        (b'{"id": "1", "name": "Ada"}', "incomplete_person"),
        (
            b'{"id": "1", "name": "Ada", "email": "a@example.com", "status": "odd"}',
            "unknown_status",
        ),
    ],
)
def test_what_makes_no_sense_waits_for_an_operator(body: bytes, error: str) -> None:
    receive(body)
    receive(ADA | {"id": "2"})
    work()
    assert states() == ["quarantined", "applied"]
    found = RecordMapping.objects.earliest("raw_id")
    assert (found.error, found.attempts) == (error, 1)
    assert [kind for kind, _ in log()] == ["UserCreated"]


def test_a_refused_command_is_tried_again_and_its_entity_waits_in_order() -> None:
    known_user(email="ada@example.com")
    receive(ADA)
    receive({"id": "1", "name": "Ada King"})
    receive(ADA | {"id": "2", "email": "bob@example.com"})
    work()
    assert states() == ["failing", "waiting", "applied"]
    taken = RecordMapping.objects.earliest("raw_id")
    assert taken.error.startswith("EmailTakenError at ")
    assert taken.subject == STREAM
    receive({"id": "1", "status": "suspended"})
    for _ in mapping.RETRIES:
        let_time_pass()
        work()
    assert states() == ["quarantined", "waiting", "applied", "waiting"]
    assert person() is None


def test_what_waited_follows_in_order_once_its_entity_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_change: Change) -> None:
        raise KeyError

    intake.repaired(monkeypatch, apply=broken)
    receive(ADA)
    receive({"id": "1", "name": "Ada King"})
    receive({"id": "1", "name": "Ada Lovelace"})
    work()
    assert states() == ["failing", "waiting", "waiting"]
    monkeypatch.undo()
    let_time_pass()
    work()
    assert states() == ["applied"] * 3
    names = [e.data.get("new_name") for e in store.read_stream(STREAM)]
    assert names == [None, "Ada King", "Ada Lovelace"]


def test_a_mapper_may_have_no_interest(monkeypatch: pytest.MonkeyPatch) -> None:
    intake.repaired(monkeypatch, entity=lambda _record: "")
    receive(ADA)
    work()
    intake.repaired(monkeypatch, read=lambda _record: None)
    receive(ADA)
    work()
    assert states() == ["ignored", "ignored"]
    assert log() == []


def test_trouble_of_the_installation_costs_no_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def deadlocked(_change: Change) -> None:
        error = OperationalError()
        error.__cause__ = type("Deadlock", (Exception,), {"sqlstate": "40P01"})()
        raise error

    intake.repaired(monkeypatch, apply=deadlocked)
    receive(ADA)
    receive(ADA | {"id": "2", "email": "bob@example.com"})
    work()
    assert states() == ["pending", "pending"]
    monkeypatch.undo()
    work()
    assert states() == ["applied", "applied"]


def test_the_body_goes_with_the_person_and_nothing_brings_them_back() -> None:
    receive(ADA)
    work()
    intake.erase()
    assert [each.body for each in RawRecord.objects.all()] == [None]
    assert SourceEntity.objects.get().said == {}
    receive(ADA)
    receive(ADA | {"name": "Somebody else"})
    receive({"id": "1"})
    work()
    assert states() == ["applied", "erased", "erased", "erased"]
    assert {each.body for each in RawRecord.objects.all()} == {None}
    assert [kind for kind, _ in log()] == ["UserCreated", "UserErased"]


def test_an_erased_address_does_not_come_back_under_another_id() -> None:
    receive(ADA)
    work()
    intake.erase()
    receive(ADA | {"id": "2"})
    work()
    assert states() == ["applied", "erased"]
    assert person("2") is None


def test_records_in_quarantine_are_erased_with_their_person() -> None:
    receive(ADA)
    receive({"id": "1", "status": "odd"})
    receive({"id": "1", "name": "Ada King"})
    work()
    assert states() == ["applied", "quarantined", "waiting"]
    intake.erase()
    work()
    let_time_pass()
    work()
    assert states() == ["applied", "erased", "erased"]
    assert {each.body for each in RawRecord.objects.all()} == {None}


def test_erasures_done_again_after_a_restore_take_the_records_too() -> None:
    record_id = receive(ADA)
    work()
    with transaction.atomic():
        erasure.forget(STREAM)
    assert vault.find([f"raw-{record_id}"]) == {f"raw-{record_id}": None}
    courier.note([])


@pytest.mark.usefixtures("superuser")
def test_a_body_that_somebody_changed_is_set_aside() -> None:
    receive(ADA)
    receive(ADA | {"id": "2", "email": "bob@example.com"})
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE raw_records DISABLE TRIGGER ALL")
        cursor.execute(
            "UPDATE raw_records SET body = (SELECT max(body) FROM raw_records)"
        )
    work()
    assert sorted(states()) == ["applied", "failing"]
    stuck = RecordMapping.objects.get(state="failing")
    assert stuck.error.startswith("SealBrokenError at ")


def test_an_entity_of_any_length_is_kept_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def entity(record: Record) -> str:
        return people.entity(record) * 9_000

    intake.repaired(monkeypatch, entity=entity, apply=state_person)
    with acting(actor="x", source="y", correlation_id=receive(ADA)):
        work()
    assert len(RecordMapping.objects.get().entity) == 71
