from __future__ import annotations

import base64
import unicodedata
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from eventstore import codec, reading, sealing, store, vault
from eventstore.appends import Append
from eventstore.codec import event_type, temporary_types
from eventstore.errors import (
    PersonalFieldError,
    SealBrokenError,
    UnreadableEventError,
)
from eventstore.events import ANY, ERASED, NO_STREAM, UnknownEvent
from eventstore.integrity import verify
from eventstore.models import StoredEvent
from eventstore.repository import refuse_unreadable
from projections.events import ReadModelReprocessed
from tests.factories import appended, metadata, renamed, user_created

CIPHER = AESGCM(bytes(32))
PLACE = b"here"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(
    lambda text: unicodedata.normalize("NFC", text)
)


@given(payload=st.dictionaries(st.sampled_from(["name", "email", "note"]), TEXT))
def test_what_is_sealed_opens_to_what_it_was(payload: dict[str, Any]) -> None:
    stored = sealing.sealed(
        payload, ("name", "email"), cipher=CIPHER, subject="user-1", place=PLACE
    )
    assert set(stored) == {"sealed"} | (set(payload) & {"note"})
    assert sealing.opened(stored, CIPHER, PLACE) == payload


@pytest.mark.parametrize(
    "blob",
    ["", "?", "QUJD", base64.b64encode(bytes(60)).decode(), 7],
    ids=["empty", "no base64", "too short", "another key", "no text"],
)
def test_what_does_not_open_is_one_error(blob: Any) -> None:
    with pytest.raises(SealBrokenError):
        sealing.unseal(CIPHER, blob, PLACE)


def test_a_blob_opens_in_its_own_place_only() -> None:
    blob = sealing.seal(CIPHER, b"Ada", PLACE)
    assert sealing.unseal(CIPHER, blob, PLACE) == b"Ada"
    with pytest.raises(SealBrokenError):
        sealing.unseal(CIPHER, blob, b"there")


@pytest.mark.parametrize("part", ["event_id", "stream", "type_name", "subject"])
def test_every_part_of_an_events_place_counts(part: str) -> None:
    here = {
        "event_id": UUID(int=1),
        "stream": "user-1",
        "type_name": "UserCreated",
        "subject": "user-1",
    }
    other = {"event_id": UUID(int=2)} if part == "event_id" else {part: "other-2"}
    assert sealing.event_place(**here) != sealing.event_place(**here | other)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    kilograms: int
    sealed: str = ""


@pytest.mark.parametrize(
    ("personal", "reason"),
    [
        (("kilograms",), "is personal, so it must be a str"),
        (("height",), "is personal, so it must be a str"),
        ((), "has a name that sealing needs"),
    ],
)
def test_refuses_a_class_that_cannot_be_sealed(
    personal: tuple[str, ...], reason: str
) -> None:
    body = {"__annotations__": {"kilograms": int, "height": int}}
    cls = type("Weighed", (), body) if personal else Weighed
    register = event_type("Weighed", sentence="", personal=personal)
    with temporary_types(), pytest.raises(PersonalFieldError, match=reason):
        register(cls)


@pytest.mark.django_db
def test_the_log_holds_no_personal_data() -> None:
    appended("user-1", user_created(name="Ada Byron", email="ada@example.com"))
    stored = StoredEvent.objects.get()
    assert set(stored.data) == {"sealed"}
    assert set(stored.data["sealed"]) == {"blob", "fields", "subject"}
    assert stored.data["sealed"]["fields"] == ["name", "email"]
    assert stored.data["sealed"]["subject"] == "user-1"
    assert b"Ada" not in base64.b64decode(stored.data["sealed"]["blob"])


@pytest.mark.django_db
def test_readers_get_what_was_appended() -> None:
    appended("user-1", user_created())
    appended("user-1", renamed(), expected_version=1)
    events = store.read_stream("user-1")
    assert [event.payload for event in events] == [user_created(), renamed()]
    assert events[0].data == codec.encode(user_created())
    assert not any(event.is_erased for event in events)


@pytest.mark.django_db
def test_every_event_of_a_person_is_sealed_under_one_key() -> None:
    appended("user-1", user_created())
    appended("user-1", renamed(), renamed(), expected_version=1)
    appended("user-2", user_created())
    assert _keys() == {"user-1", "user-2"}


@pytest.mark.django_db
def test_equal_payloads_are_sealed_differently() -> None:
    appended("user-1", renamed(), renamed())
    first, second = StoredEvent.objects.order_by("version")
    assert first.data["sealed"]["blob"] != second.data["sealed"]["blob"]


@pytest.mark.django_db
def test_an_event_may_tell_of_a_person_in_another_stream() -> None:
    appended("user-1", user_created())
    done = ReadModelReprocessed(
        projection="directory", subject="user-1", fields=["name"], reason="Ada rang"
    )
    appended("reprocess-1", done)
    assert _keys() == {"user-1"}
    assert store.read_stream("reprocess-1")[0].payload == done
    vault.destroy("user-1")
    (event,) = store.read_stream("reprocess-1")
    assert (event.payload.reason, event.payload.fields) == (ERASED, ["name"])


@pytest.mark.django_db
def test_a_destroyed_key_leaves_erased_in_place_of_each_personal_field() -> None:
    appended("user-1", user_created(), renamed())
    vault.destroy("user-1")
    created, changed = store.read_stream("user-1")
    assert created.payload == user_created(name=ERASED, email=ERASED)
    assert changed.data == {"old_name": ERASED, "new_name": ERASED}
    assert (created.is_erased, changed.is_erased) == (True, True)


@pytest.mark.usefixtures("committed_db")
def test_digests_verify_after_a_key_was_destroyed() -> None:
    appended("user-1", user_created(), renamed())
    vault.destroy("user-1")
    verdict = verify(
        first=1, last=StoredEvent.objects.order_by("-position")[0].position
    )
    assert (verdict.events, verdict.difference) == (2, None)


@pytest.mark.django_db
def test_nothing_personal_is_recorded_of_an_erased_person() -> None:
    appended("user-1", user_created())
    vault.destroy("user-1")
    appended("user-1", renamed(), expected_version=ANY)
    last = StoredEvent.objects.order_by("-version")[0]
    assert last.data == {"old_name": ERASED, "new_name": ERASED}


@pytest.mark.django_db
def test_a_key_that_another_process_replaced_is_not_used() -> None:
    stale = vault.DataKey(subject="user-2", key_id=uuid4(), cipher=CIPHER)
    vault.remember(stale)  # as if its transaction had been rolled back
    appended("user-2", user_created())
    assert store.read_stream("user-2")[0].payload == user_created()


@pytest.mark.django_db
def test_a_key_made_in_a_transaction_that_failed_is_made_anew() -> None:
    with transaction.atomic():
        appended("user-1", user_created())
        vault.for_sealing(["user-1"])
        transaction.set_rollback(True)
    appended("user-1", user_created())
    assert store.read_stream("user-1")[0].payload == user_created()


@pytest.mark.django_db
def test_a_subject_that_is_not_new_after_all_keeps_its_key() -> None:
    done = ReadModelReprocessed(
        projection="directory", subject="user-1", fields=[], reason="Ada rang"
    )
    appended("reprocess-1", done)  # makes the key of user-1
    vault.forget("user-1")
    appended("user-1", user_created(), expected_version=NO_STREAM)
    assert store.read_stream("user-1")[0].payload == user_created()
    assert store.read_stream("reprocess-1")[0].payload == done


@pytest.mark.django_db
def test_many_streams_are_sealed_in_one_append() -> None:
    appends = [
        Append(
            stream=f"user-{n}",
            events=[user_created(name=f"Ada {n}")],
            expected_version=NO_STREAM,
            metadata=metadata(),
        )
        for n in (1, 2, 3)
    ]
    store.append_many(appends)
    names = [store.read_stream(f"user-{n}")[0].payload.name for n in (1, 2, 3)]
    assert names == ["Ada 1", "Ada 2", "Ada 3"]


@pytest.mark.django_db
@pytest.mark.parametrize("break_it", ["no key", "moved"])
def test_what_cannot_be_opened_is_readable_as_stored_and_no_ground_to_decide_on(
    break_it: str,
) -> None:
    appended("user-1", user_created())
    appended("user-2", user_created())
    row = list(
        StoredEvent.objects.filter(stream="user-1").values_list(*reading.COLUMNS)[0]
    )
    other = StoredEvent.objects.get(stream="user-2").data
    if break_it == "no key":
        row[6] = {"sealed": other["sealed"] | {"subject": "user-9"}}
    else:
        row[6] = other
    (event,) = reading.recorded([row])
    problem = {"no key": "NoKeyInVault", "moved": "SealBrokenError"}[break_it]
    assert event.payload == UnknownEvent(
        type="UserCreated", data=row[6], problem=problem
    )
    with pytest.raises(UnreadableEventError, match="restore the vault"):
        refuse_unreadable([event])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "door",
    [
        "UPDATE vault.subject_key SET wrapped_key = NULL",
        "UPDATE vault.subject_key SET destroyed_at = NULL",
        "INSERT INTO vault.subject_key VALUES ('user-9', gen_random_uuid())",
        "DELETE FROM vault.subject_key",
        "TRUNCATE vault.subject_key",
        "UPDATE vault.master_epoch SET fingerprint = sha256('')",
        "DELETE FROM vault.master_epoch",
    ],
)
def test_the_application_cannot_write_the_vault_by_itself(door: str) -> None:
    appended("user-1", user_created())
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(door)


@pytest.mark.django_db
@pytest.mark.usefixtures("superuser")
@pytest.mark.parametrize(
    "door",
    [
        (
            "UPDATE vault.subject_key SET destroyed_at = NULL, epoch = 1,"
            " wrapped_key = decode(repeat('00', 60), 'hex')"
        ),
        "UPDATE vault.subject_key SET key_id = gen_random_uuid()",
        "DELETE FROM vault.subject_key",
        "TRUNCATE vault.subject_key",
        "SET LOCAL session_replication_role = replica; DELETE FROM vault.subject_key",
    ],
)
def test_a_destroyed_key_comes_back_for_nobody(door: str) -> None:
    appended("user-1", user_created())
    vault.destroy("user-1")
    with (
        pytest.raises(DatabaseError, match="rewrapped or destroyed, nothing else"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(door)


@pytest.mark.django_db
def test_destroying_twice_is_as_good_as_once() -> None:
    vault.destroy("user-1")
    vault.destroy("user-1")
    assert vault.find(["user-1"]) == {"user-1": None}


def _keys() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject FROM vault.subject_key")
        return {subject for (subject,) in cursor.fetchall()}
