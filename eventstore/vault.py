"""Data keys, one for each person: made, found, destroyed (ADR-0009).

A data key lies in the database wrapped by a master key of the key ring, which does not.
Whoever reads asks the database each time, so that a destroyed key opens nothing from
the moment its destruction is committed.  Only what seals remembers keys, and the append
function refuses those that are no longer the subject's.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import DatabaseError, connection

from eventstore import keyring, wire
from eventstore.errors import KeyRingError
from eventstore.keyring import MasterKey
from eventstore.sealing import NONCE_BYTES

WRONG_EPOCH = "AN004"  # SQLSTATE raised by use_epoch_v1 and retire_epoch_v1
REMEDY = "use the key-ring file of this database; manage.py key_ring show tells more"
REMEMBERED = 1_000  # keys that sealing remembers a process

Keys = Mapping[str, "DataKey | None"]  # by subject; None for one that was destroyed
Row = tuple[str, UUID, int, bytes | None]  # as find_keys.sql returns it


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """The key of one subject.

    Attributes:
        key_id: Names this key; a subject never gets a second one.
        cipher: What seals and opens.
        wrapped: The key as the vault shall keep it; None when it is kept already.
        master: Under what *wrapped* is wrapped.
    """

    subject: str
    key_id: UUID
    cipher: AESGCM
    wrapped: bytes | None = None
    master: MasterKey | None = None


_remembered: dict[str, DataKey] = {}
_registered: set[tuple[str, int, bytes]] = set()  # database, epoch, fingerprint


def find(subjects: Collection[str]) -> dict[str, DataKey | None]:
    """Return the keys of *subjects*; None for a destroyed one, none if there never was.

    One query; none for no subjects.

    Raises:
        KeyRingError: The ring lacks a master key, or has another in its place.
    """
    if not subjects:
        return {}
    rows = wire.rows("find_keys", {"subjects": list(subjects)})
    return {subject: key_of((subject, *key)) for subject, *key in rows}


def is_destroyed(subject: str) -> bool:
    """Say whether *subject* had a key and has lost it for ever.  One query."""
    return bool(destroyed([subject]))


def destroyed(subjects: Collection[str]) -> set[str]:
    """Return those of *subjects* that had a key and have lost it for ever.

    One query; none for none.
    """
    if not subjects:
        return set()
    rows = wire.rows("find_keys", {"subjects": list(subjects)})
    return {subject for subject, *_key, wrapped in rows if wrapped is None}


def key_of(row: Row) -> DataKey | None:
    """Return the key that a row holds; None when it was destroyed.

    Raises:
        KeyRingError: See :func:`find`.
    """
    subject, key_id, epoch, wrapped = row
    if wrapped is None:
        return None
    secret = _unwrapped(subject, key_id, epoch, bytes(wrapped))
    return DataKey(subject=subject, key_id=key_id, cipher=AESGCM(secret))


def for_sealing(
    subjects: Iterable[str], *, certainly_new: Collection[str] = ()
) -> dict[str, DataKey | None]:
    """Return a key for each of *subjects*, made here where there is none yet.

    None for a subject whose key was destroyed.  What comes from memory may be out of
    date: keep ``wrapped`` and check ``key_id`` where the sealed data is written.

    Args:
        subjects: Whose.
        certainly_new: Do not ask the database about these.

    Raises:
        KeyRingError: See :func:`find`.
    """
    wanted = dict.fromkeys(subjects)
    keys: dict[str, DataKey | None] = {
        subject: key
        for subject in wanted
        if (key := _remembered.get(subject)) is not None
    }
    unknown = [s for s in wanted if s not in keys and s not in certainly_new]
    found = find(unknown)
    for key in found.values():
        if key is not None:
            remember(key)
    keys |= found
    missing = [subject for subject in wanted if subject not in keys]
    if missing:
        # One master for all: the append function is told one epoch.
        master = active_master()
        keys |= {subject: made(subject, master) for subject in missing}
    return keys


def active_master() -> MasterKey:
    """Return the master key that wraps what is new, known to the database as such.

    Raises:
        KeyRingError: There is no ring.
    """
    master = keyring.current().active
    mark = (connection.settings_dict["NAME"], master.epoch, master.fingerprint)
    if mark not in _registered:
        # Apart: others must not wait until the transaction we may be in has ended.
        apart = connection.copy()
        with contextlib.closing(apart), apart.cursor() as cursor:
            cursor.execute("SELECT register_epoch_v1(%s, %s)", mark[1:])
        _registered.add(mark)
    return master


def remember(key: DataKey) -> None:
    """Let sealing use *key* without asking the database, a thousand keys a process."""
    if len(_remembered) >= REMEMBERED:
        _remembered.pop(next(iter([*_remembered]), ""), None)
    _remembered[key.subject] = key


def forget(*subjects: str) -> None:
    """Remember the keys of *subjects*, or all, no longer: they are out of date."""
    for subject in subjects or list(_remembered):
        _remembered.pop(subject, None)


def destroy(subject: str) -> None:
    """Destroy the key of *subject*, for ever; it will never have another.

    What is sealed under it cannot be opened by anybody once the transaction commits.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT destroy_subject_key_v1(%s)", [subject])
    forget(subject)


def keep(keys: Iterable[DataKey | None]) -> bool:
    """Keep those of *keys* that are new; False if one is not its subject's key.

    Raises:
        KeyRingError: The active epoch is retired, or has another key here.
    """
    try:
        ((is_held,),) = wire.rows("hold_keys", held(keys))
    except DatabaseError as error:
        raise refusal(error) or error from error
    return bool(is_held)


def refusal(error: DatabaseError) -> KeyRingError | None:
    """Return what the vault's functions meant by *error*; None if it is not theirs."""
    cause = error.__cause__
    if isinstance(cause, psycopg.Error) and cause.sqlstate == WRONG_EPOCH:
        _registered.clear()  # it may have been restored without the epoch
        return KeyRingError(f"{cause.diag.message_primary}; {REMEDY}")
    return None


def kept(subjects: Collection[str]) -> dict[str, DataKey | None]:
    """Return the keys of *subjects*, made and kept where there were none.

    None for one that was destroyed.

    Raises:
        KeyRingError: See :func:`keep`.
    """
    keys = for_sealing(subjects)
    while not keep(keys.values()):  # one that is remembered is not the subject's
        forget(*subjects)
        keys = for_sealing(subjects)
    return keys


def held(keys: Iterable[DataKey | None]) -> dict[str, Any]:
    """Return what ``append.sql`` is told to hold *keys*: one array entry a key."""
    there = [key for key in keys if key is not None]
    masters = [key.master for key in there if key.master is not None]
    return {
        "subjects": [key.subject for key in there],
        "key_ids": [key.key_id for key in there],
        "epoch": masters[0].epoch if masters else None,
        "fingerprint": masters[0].fingerprint if masters else None,
        "wrapped_keys": [key.wrapped for key in there],
    }


def wrap(master: MasterKey, subject: str, key_id: UUID, secret: bytes) -> bytes:
    """Return a data key as the vault keeps it: nonce, ciphertext, tag; 60 bytes."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    place = _place(subject, key_id, master.epoch)
    return nonce + _cipher(master).encrypt(nonce, secret, place)


def unwrap(row: Row) -> bytes:
    """Return the data key of a row whose key was not destroyed.

    Raises:
        KeyRingError: See :func:`find`.
    """
    subject, key_id, epoch, wrapped = row
    return _unwrapped(subject, key_id, epoch, bytes(wrapped or b""))


def made(subject: str, master: MasterKey) -> DataKey:
    """Return a new key of *subject*, not kept yet."""
    key_id, secret = uuid4(), AESGCM.generate_key(256)
    return DataKey(
        subject=subject,
        key_id=key_id,
        cipher=AESGCM(secret),
        wrapped=wrap(master, subject, key_id, secret),
        master=master,
    )


def _unwrapped(subject: str, key_id: UUID, epoch: int, wrapped: bytes) -> bytes:
    master = keyring.current().key(epoch)
    nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
    try:
        return _cipher(master).decrypt(nonce, sealed, _place(subject, key_id, epoch))
    except (InvalidTag, ValueError) as error:
        message = f"epoch {epoch} of the key ring did not wrap the keys here; {REMEDY}"
        raise KeyRingError(message) from error


@lru_cache(maxsize=16)
def _cipher(master: MasterKey) -> AESGCM:
    return master.cipher


def _place(subject: str, key_id: UUID, epoch: int) -> bytes:
    return f"key\n{subject}\n{key_id}\n{epoch}".encode()
