"""Erasing beside everything else: what was found by people who tried to break it."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection, transaction
from django.test import override_settings

from eventstore import keyring, rotation, store, vault
from eventstore.archive.importing import import_events
from eventstore.errors import (
    EventIdTakenError,
    ImportRefusedError,
    KeyRingError,
)
from eventstore.events import ANY, ERASED, SALESFORCE
from eventstore.models import StoredEvent
from tests.databases import acting_as, cloned, restore_vault
from tests.databases import vault as keys_of_vault
from tests.eventstore.test_archive import exported, line
from tests.factories import ADA, appended, known_user, metadata, renamed, user_created
from tests.processes import somebody_waits_for_a_lock, wait_until
from users import bulk, claims, services
from users.aggregate import USER
from users.bulk import Wanted
from users.commands import ChangeEmail, CreateUser, EraseUser
from users.errors import EmailSuppressedError
from users.events import UserErased
from users.models import Claim, Suppression
from users.values import ErasureGround

pytestmark = pytest.mark.usefixtures("committed_db")
GONE = UserErased(ground=ErasureGround.REQUEST)
STREAM = USER.stream(ADA)


def erase(user_id: UUID = ADA) -> EraseUser:
    return EraseUser(user_id=user_id, ground=ErasureGround.REQUEST)


def test_a_refused_append_destroys_no_key() -> None:
    taken = uuid4()
    store.append(
        "user-1",
        [user_created()],
        expected_version=0,
        metadata=metadata(),
        event_ids=[taken],
    )
    appended("user-2")
    with pytest.raises(EventIdTakenError):
        store.append(
            "user-2", [GONE], expected_version=1, metadata=metadata(), event_ids=[taken]
        )
    assert store.read_stream("user-2")[0].payload == user_created()


def test_an_erasing_append_may_be_repeated() -> None:
    appended("user-1")
    same: dict[str, Any] = {"metadata": metadata(), "event_ids": [uuid4()]}
    first = store.append("user-1", [GONE], expected_version=1, **same)
    assert store.append("user-1", [GONE], expected_version=1, **same) == first


def test_what_was_appended_before_an_erasure_may_be_repeated_after_it() -> None:
    same: dict[str, Any] = {"metadata": metadata(), "event_ids": [uuid4()]}
    first = store.append("user-1", [user_created()], expected_version=0, **same)
    vault.destroy("user-1")
    assert store.append("user-1", [user_created()], expected_version=0, **same) == first
    with pytest.raises(EventIdTakenError):
        store.append("user-1", [renamed()], expected_version=0, **same)


@pytest.mark.usefixtures("superuser")
def test_any_version_is_erased_though_somebody_is_faster() -> None:
    appended("user-1")
    with transaction.atomic():
        appended("user-1", renamed(), expected_version=1)
        eraser = threading.Thread(target=_append_and_close, args=["user-1", GONE])
        eraser.start()
        wait_until(somebody_waits_for_a_lock)
    eraser.join()
    assert [event.version for event in store.read_stream("user-1")] == [1, 2, 3]
    assert vault.find(["user-1"]) == {"user-1": None}


def _append_and_close(stream: str, event: object) -> None:
    store.append(stream, [event], expected_version=ANY, metadata=metadata())
    connection.close()


def test_a_key_of_another_id_seals_nothing() -> None:
    appended("user-1")
    for many in (False, True):
        vault.remember(
            vault.DataKey(subject="user-1", key_id=uuid4(), cipher=AESGCM(bytes(32)))
        )
        events = [renamed()] * (2 if many else 1)
        appended("user-1", *events, expected_version=ANY)
    assert [event.payload for event in store.read_stream("user-1")[1:]] == [
        renamed()
    ] * 3


def test_a_key_that_is_kept_is_the_one_that_is_stored() -> None:
    appended("user-1")
    vault.remember(
        vault.DataKey(subject="user-1", key_id=uuid4(), cipher=AESGCM(bytes(32)))
    )
    (kept,) = vault.kept(["user-1"]).values()
    (found,) = vault.find(["user-1"]).values()
    assert kept
    assert found
    assert kept.key_id == found.key_id


@pytest.mark.usefixtures("superuser")
def test_nobody_wraps_under_an_epoch_that_is_being_retired(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    old = keyring.new(keyring.PRODUCTION)
    keyring.save(old, path)
    with override_settings(KEY_RING_FILE=str(path)):
        appended("user-1")
        keyring.save(keyring.with_new_epoch(old, active=2), path)
        rotation.rewrap()
        errors: list[Exception] = []

        def write_late() -> None:
            try:
                _seal_under(old, "user-late")
            except KeyRingError as error:
                errors.append(error)
            finally:
                connection.close()

        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT retire_epoch_v1(1)")
            writer = threading.Thread(target=write_late)
            writer.start()
            wait_until(somebody_waits_for_a_lock)
        writer.join()
    assert len(errors) == 1
    assert vault.find(["user-late"]) == {}


def _seal_under(ring: keyring.KeyRing, subject: str) -> None:
    vault.keep([vault.made(subject, ring.active)])


def test_a_refused_erasure_leaves_the_claim() -> None:
    known_user(ADA, email="ada@example.com")
    known_user(email="taken@example.com")
    told = metadata()
    results = bulk.execute_each(
        [
            Wanted(
                command=ChangeEmail(user_id=ADA, email="taken@example.com"),
                metadata=told,
            ),
            Wanted(command=erase(), metadata=told),
        ]
    )
    assert all(isinstance(result, Exception) for result in results)
    assert claims.holder("ada@example.com") == STREAM
    assert not Suppression.objects.exists()


def test_a_bulk_erasure_is_as_whole_as_a_single_one() -> None:
    known_user(ADA, email="ada@example.com")
    (result,) = bulk.execute_each([Wanted(command=erase(), metadata=metadata())])
    assert isinstance(result, services.Outcome)
    assert store.read_stream(STREAM)[0].is_erased
    assert not Claim.objects.exists()
    assert Suppression.objects.count() == 1


def test_every_address_a_person_ever_had_is_suppressed() -> None:
    known_user(ADA, email="first@example.com")
    services.execute(ChangeEmail(user_id=ADA, email="second@example.com"), metadata())
    services.execute(erase(), metadata())
    for email in ("first@example.com", "Second@Example.com"):
        command = CreateUser(user_id=uuid4(), name="Ada", email=email)
        with pytest.raises(EmailSuppressedError):
            services.execute(command, metadata(source=SALESFORCE))


def test_an_erasure_that_was_imported_is_suppressed_when_claims_are_rebuilt() -> None:
    known_user(ADA, email="ada@example.com")
    gone = line(
        stream=STREAM,
        version=2,
        type="UserErased",
        data={"ground": "request"},
        recorded_at=StoredEvent.objects.get().recorded_at.isoformat(),
    )
    with acting_as("none"):
        import_events([gone])
    assert claims.rebuild().released == 1
    assert Suppression.objects.get().digest == claims.digest("ada@example.com")


def test_a_log_with_an_erased_person_makes_the_round_trip() -> None:
    known_user(ADA)
    services.execute(erase(), metadata())
    appended(STREAM, renamed(), expected_version=ANY)  # records [erased]
    lines, keys = exported(), keys_of_vault()
    with cloned(), acting_as("none"):
        restore_vault(keys)
        assert import_events(lines).stored == 3
        assert exported() == lines
        store.append(STREAM, [GONE], expected_version=3, metadata=metadata())


@pytest.mark.parametrize(
    "data",
    [
        {"name": "Ada Leak", "email": "a@example.com", "x": {"sealed": {"blob": "AA"}}},
        {"name": "Ada Leak", "email": "a@example.com", "sealed": {"blob": "AA"}},
        {
            "name": "Ada Leak",
            "email": "a@example.com",
            "sealed": {"blob": "AA", "fields": [], "subject": "user-1"},
        },
        {"sealed": {"blob": "AA", "fields": 5, "subject": "user-1"}},
        {"sealed": {"blob": "AA", "fields": ["name"], "subject": ["user-1"]}},
    ],
)
def test_no_line_brings_a_person_in_clear_or_a_broken_seal(
    data: dict[str, Any],
) -> None:
    with acting_as("none"):
        with contextlib.suppress(ImportRefusedError):
            import_events([line(data=data)], allow_unknown=True)
        stored = "".join(str(event.data) for event in StoredEvent.objects.all())
    assert "Ada Leak" not in stored
    store.read_all(after=0, until=store.watermark(), buckets=range(16), limit=10)


def test_what_is_recorded_of_an_erased_person_may_be_read_and_is_not_in_clear() -> None:
    appended("user-1")
    vault.destroy("user-1")
    appended("user-1", renamed(), expected_version=1)
    store.append("user-1", [GONE], expected_version=2, metadata=metadata())
    assert store.read_stream("user-1")[1].payload == renamed(ERASED, ERASED)
