"""What is received is kept once, as it came, and only its body can go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from eventstore import vault
from eventstore.intake import raw
from eventstore.intake.errors import BodyGoneError, UnknownRecordError
from eventstore.intake.models import RawRecord, RecordMapping
from eventstore.intake.raw import Received, Settled

pytestmark = pytest.mark.django_db
BODY = b'{"name": "Ada Byron"}'


def received(body: bytes = BODY, **changes: Any) -> Received:
    defaults: dict[str, Any] = {"source": "crm", "kind": raw.WEBHOOK, "key": "m-1"}
    return Received(body=body, **defaults | changes)


def keep(*args: Received) -> list[tuple[bool, bool]]:
    return [(each.is_new, each.is_same) for each in raw.keep(args)]


def stored() -> list[RawRecord]:
    return list(RawRecord.objects.order_by("id"))


@pytest.mark.parametrize(
    "body", [b"", BODY, b"\x00\xff\xfe", b"x" * 1_048_576, "Ünï\u202e".encode()]
)
def test_a_body_comes_out_as_it_went_in_and_lies_sealed(body: bytes) -> None:
    raw.keep([received(body)])
    (record,) = stored()
    assert raw.opened(record) == body
    assert record.size_bytes == len(body)
    assert record.body is not None
    assert body.decode("latin-1") not in record.body or not body


def test_many_are_kept_in_one_round_trip(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    raw.keep([received(key="m-7")])
    many = [received(key=f"m-{number % 60}") for number in range(100)]
    with django_assert_num_queries(3):  # a savepoint about it, as we are in a test
        kept = raw.keep(many)
    assert [each.is_new for each in kept] == [n != 7 and n < 60 for n in range(100)]
    assert kept[67] == kept[7]
    assert RecordMapping.objects.filter(state="pending").count() == 60
    records = stored()
    assert set(raw.opened_all(records).values()) == {BODY}
    keys = vault.find([raw.subject_of(each.record_id) for each in records])
    assert (len(records), len(keys)) == (60, 60)


def test_the_same_key_is_kept_once_and_other_content_is_told() -> None:
    assert keep(received()) == [(True, True)]
    assert keep(received()) == [(False, True)]
    assert keep(received(b"other")) == [(False, False)]
    assert keep(received(source="hr")) == [(True, True)]
    assert [raw.opened(each) for each in stored()] == [BODY, BODY]


def test_without_a_key_the_content_decides() -> None:
    batch = [received(key=""), received(key=""), received(b"other", key="")]
    assert keep(*batch) == [(True, True), (False, True), (True, True)]
    assert len(stored()) == 2


def test_an_odd_key_is_kept_as_its_hash() -> None:
    for key in ("a\x00b", "\ud800", "x" * 10_000, "line\nbreak"):
        assert keep(received(key=key)) == [(True, True)]
        assert keep(received(key=key)) == [(False, True)]
    assert {len(each.dedupe_key) for each in stored()} == {71}


def test_nothing_is_kept_of_a_transaction_that_fails() -> None:
    def keep_and_fail() -> None:
        with transaction.atomic():
            raw.keep([received()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        keep_and_fail()
    assert (stored(), RecordMapping.objects.count()) == ([], 0)


def test_what_is_new_waits_to_be_mapped_unless_somebody_did_it() -> None:
    raw.keep([received()])
    done = Settled(state="applied", entity="003", subject="user-1", mapper="sf")
    raw.keep([received(key="m-2")], settled=[done])
    found = RecordMapping.objects.order_by("raw_id")
    assert [(each.state, each.entity, each.subject) for each in found] == [
        ("pending", "", ""),
        ("applied", "003", "user-1"),
    ]
    assert [each.settled_at is None for each in found] == [True, False]


def test_a_deleted_body_is_gone_with_its_key_and_the_rest_stays() -> None:
    (kept,) = raw.keep([received()])
    assert raw.delete_bodies([kept.record_id]) == 1
    assert raw.delete_bodies([kept.record_id]) == 0
    (record,) = stored()
    with pytest.raises(BodyGoneError):
        raw.opened(record)
    assert vault.find([f"raw-{kept.record_id}"]) == {f"raw-{kept.record_id}": None}
    assert keep(received()) == [(False, True)]


def test_to_forget_a_person_takes_the_bodies_that_tell_of_them() -> None:
    hers = Settled(state="applied", entity="1", subject="user-ada")
    stuck = Settled(state="quarantined", entity="1", subject="user-ada")
    other = Settled(state="applied", entity="2", subject="user-bob")
    batch = [received(key=str(number)) for number in range(3)]
    raw.keep(batch, settled=[hers, stuck, other])
    with transaction.atomic():
        raw.forget("user-ada")
    assert [each.body is None for each in stored()] == [True, True, False]
    found = RecordMapping.objects.order_by("raw_id")
    assert [each.state for each in found] == ["applied", "erased", "applied"]


def test_bodies_expire_and_what_was_open_is_told() -> None:
    raw.keep([received(), received(key="m-2")])
    assert raw.expire(before=timezone.now() - timedelta(days=1), limit=10) == 0
    assert raw.expire(before=timezone.now(), limit=1) == 1
    assert [each.body is None for each in stored()] == [True, False]
    first = RecordMapping.objects.earliest("raw_id")
    assert first.state == "expired"


def test_an_unknown_record_is_told() -> None:
    with pytest.raises(UnknownRecordError):
        raw.find(uuid4())


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE raw_records SET body = 'x'",
        "UPDATE raw_records SET body = NULL, deleted_at = now()",
        "DELETE FROM raw_records",
        "TRUNCATE raw_records",
        "INSERT INTO raw_records (source) VALUES ('x')",
        "SELECT setval('raw_records_id_seq', 1)",
        "ALTER TABLE raw_records DISABLE TRIGGER ALL",
    ],
)
def test_the_application_cannot_touch_what_it_kept(attack: str) -> None:
    raw.keep([received()])
    with pytest.raises(DatabaseError), transaction.atomic():
        connection.cursor().execute(attack)
    assert raw.opened(stored()[0]) == BODY


@pytest.mark.usefixtures("superuser")
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE raw_records SET body = 'x'",
        "UPDATE raw_records SET source = 'x', body = NULL, deleted_at = now()",
        "DELETE FROM raw_records",
        "TRUNCATE raw_records",
    ],
)
def test_not_even_a_superuser_changes_it_by_accident(attack: str) -> None:
    raw.keep([received()])
    with pytest.raises(DatabaseError, match="nothing else"), transaction.atomic():
        connection.cursor().execute(attack)
