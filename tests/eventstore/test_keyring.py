from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.test import override_settings

from eventstore import keyring, rotation, store, vault
from eventstore.errors import KeyRingError
from eventstore.models import StoredEvent
from tests.factories import appended, renamed, user_created

KEY = "A" * 43 + "="
MADE = "2026-11-24T12:00:00Z"


def ring_file(**changes: Any) -> str:
    told = {
        "format": "annals-key-ring/1",
        "purpose": "production",
        "active": 1,
        "epochs": [{"epoch": 1, "key": KEY, "made_at": MADE}],
    }
    return json.dumps(told | changes)


@pytest.fixture
def own_ring(tmp_path: Path, committed_db: str) -> Any:
    """A ring of its own, and a database that knows no other."""
    del committed_db
    path = tmp_path / "ring.json"
    keyring.save(keyring.new(keyring.PRODUCTION), path, is_new=True)
    with override_settings(KEY_RING_FILE=str(path)):
        yield path
    vault.forget()


def test_a_ring_is_what_was_written() -> None:
    ring = keyring.with_new_epoch(keyring.new(keyring.PRODUCTION))
    assert keyring.parse(keyring.written(ring)) == ring
    assert ring.active.epoch == 1
    assert keyring.activated(ring, 2).active.epoch == 2


def test_the_documented_file_is_a_ring() -> None:
    ring = keyring.parse(ring_file())
    assert (ring.active.epoch, ring.active.secret) == (1, bytes(32))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no key ring"),
        ("[]", "Expected `object`"),
        (ring_file(format="other"), "format is not annals-key-ring/1"),
        (ring_file(purpose="fun"), "purpose none of production, development"),
        (ring_file(epochs=[]), "epochs are numbers from 1"),
        (
            ring_file(epochs=[{"epoch": 0, "key": KEY, "made_at": MADE}]),
            "epochs are numbers from 1",
        ),
        (
            ring_file(epochs=[{"epoch": 1, "key": KEY, "made_at": MADE}] * 2),
            "each once",
        ),
        (
            ring_file(epochs=[{"epoch": 1, "key": "c2hvcnQ=", "made_at": MADE}]),
            "the key of epoch 1 is not 32 bytes in base64",
        ),
        (
            ring_file(epochs=[{"epoch": 1, "key": "?", "made_at": MADE}]),
            "the key of epoch 1 is not 32 bytes in base64",
        ),
        (ring_file(active=2), "active is none of its epochs"),
        (ring_file(more=1), "unknown field `more`"),
    ],
)
def test_says_why_a_file_is_no_ring_and_quotes_no_key(text: str, reason: str) -> None:
    with pytest.raises(KeyRingError, match=reason) as caught:
        keyring.parse(text)
    assert "c2hvcnQ" not in str(caught.value)


def test_a_key_is_never_printed() -> None:
    ring = keyring.parse(ring_file())
    assert "secret" not in repr(ring)
    assert str(bytes(32)) not in repr(ring)


def test_only_the_owner_may_read_the_file(own_ring: Path) -> None:
    assert stat.S_IMODE(own_ring.stat().st_mode) == 0o600
    assert list(own_ring.parent.iterdir()) == [own_ring]  # no draft is left


def test_a_ring_is_never_overwritten_by_a_new_one(own_ring: Path) -> None:
    before = own_ring.read_text()
    with pytest.raises(CommandError, match="never overwritten"):
        call_command("key_ring", "create", str(own_ring))
    assert own_ring.read_text() == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "KEY_RING_FILE is not set"), ("/nowhere/ring", "cannot read the key ring")],
)
def test_says_what_is_missing(name: str, reason: str) -> None:
    with (
        override_settings(KEY_RING_FILE=name),
        pytest.raises(KeyRingError, match=reason),
    ):
        keyring.current()


def test_a_file_that_changed_is_read_again(own_ring: Path) -> None:
    assert keyring.current().active.epoch == 1
    keyring.save(keyring.with_new_epoch(keyring.current(), active=2), own_ring)
    os.utime(own_ring, ns=(1, 1))
    assert keyring.current().active.epoch == 2


@pytest.mark.usefixtures("own_ring")
def test_rotation_rewraps_every_key_and_touches_no_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for n in range(5):
        appended(f"user-{n}", user_created(name=f"Ada {n}"))
    vault.destroy("user-4")
    before = list(StoredEvent.objects.order_by("position").values())
    call_command("key_ring", "add")
    call_command("key_ring", "activate", "2")
    call_command("key_ring", "rewrap")
    call_command("key_ring", "drop", "1")
    assert "4 keys rewrapped" in capsys.readouterr().out
    assert list(StoredEvent.objects.order_by("position").values()) == before
    assert [*keyring.current().keys] == [2]
    names = [store.read_stream(f"user-{n}")[0].payload.name for n in range(5)]
    assert names == ["Ada 0", "Ada 1", "Ada 2", "Ada 3", "[erased]"]
    assert [(each.epoch, each.keys) for each in rotation.epochs()] == [(1, 0), (2, 4)]


def test_rewrapping_again_changes_nothing(own_ring: Path) -> None:
    appended("user-1", user_created())
    keyring.save(keyring.with_new_epoch(keyring.current(), active=2), own_ring)
    assert (rotation.rewrap(), rotation.rewrap()) == (1, 0)


@pytest.mark.usefixtures("own_ring")
def test_an_epoch_that_wraps_keys_is_not_dropped() -> None:
    appended("user-1", user_created())
    call_command("key_ring", "add")
    call_command("key_ring", "activate", "2")
    with pytest.raises(CommandError, match="epoch 1 still wraps keys"):
        call_command("key_ring", "drop", "1")
    assert [*keyring.current().keys] == [1, 2]


@pytest.mark.usefixtures("own_ring")
def test_an_epoch_that_never_was_is_not_dropped() -> None:
    with pytest.raises(CommandError, match="the key ring has no epoch 9;"):
        call_command("key_ring", "drop", "9")


@pytest.mark.usefixtures("own_ring")
def test_the_active_epoch_is_not_dropped() -> None:
    with pytest.raises(CommandError, match="epoch 1 is the active one"):
        call_command("key_ring", "drop", "1")


def test_a_process_with_the_old_ring_cannot_wrap_under_a_retired_epoch(
    own_ring: Path,
) -> None:
    old = keyring.current()
    appended("user-1", user_created())
    call_command("key_ring", "add")
    call_command("key_ring", "activate", "2")
    call_command("key_ring", "rewrap")
    call_command("key_ring", "drop", "1")
    keyring.save(old, own_ring)  # a machine that was not given the new file
    refused = pytest.raises(KeyRingError, match="epoch 1 of the key ring is retired")
    with refused, transaction.atomic():
        appended("user-2", user_created())
    assert not StoredEvent.objects.filter(stream="user-2").exists()


def test_another_ring_can_neither_read_nor_write(own_ring: Path) -> None:
    appended("user-1", user_created())
    keyring.save(keyring.new(keyring.PRODUCTION), own_ring)
    os.utime(own_ring, ns=(1, 1))
    vault.forget("user-1")
    with pytest.raises(KeyRingError, match="did not wrap the keys here"):
        store.read_stream("user-1")
    with pytest.raises(KeyRingError, match="did not wrap the keys here"):
        appended("user-1", renamed(), expected_version=1)
    with pytest.raises(KeyRingError, match="retired, or has another key"):
        appended("user-2", user_created())


def test_shows_every_epoch_and_what_is_wrong(
    own_ring: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    appended("user-1", user_created())
    call_command("key_ring", "add")
    call_command("key_ring", "show")
    _added, ring, *shown = capsys.readouterr().out.splitlines()
    assert ring == f"{own_ring} (production)"
    assert shown == ["epoch 1: wraps 1 keys, active", "epoch 2: wraps 0 keys"]
    keyring.save(keyring.new(keyring.PRODUCTION), own_ring)
    with pytest.raises(CommandError, match="not the key ring of this database"):
        call_command("key_ring", "show")
    *_others, line = capsys.readouterr().out.splitlines()
    assert line == (
        "epoch 1: wraps 1 keys, active, THE RING HAS ANOTHER KEY UNDER THIS NUMBER"
    )


@pytest.mark.usefixtures("own_ring", "superuser")
def test_a_wrapped_key_opens_in_its_own_row_only() -> None:
    appended("user-1", user_created())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO vault.subject_key (subject, key_id, epoch, wrapped_key,"
            " created_at) SELECT 'user-2', key_id, epoch, wrapped_key, created_at"
            " FROM vault.subject_key"
        )
    with pytest.raises(KeyRingError):
        vault.find(["user-2"])
