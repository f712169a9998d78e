"""The master keys, in a file outside the database: read, made, rotated.

docs/reference/key-ring.md describes the file.  Every data key is wrapped by one master
key; its number, the epoch, is kept with it.  The newest epoch wraps what is new.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from eventstore.errors import KeyRingError

FORMAT = "annals-key-ring/1"
PRODUCTION = "production"
DEVELOPMENT = "development"
PURPOSES = (PRODUCTION, DEVELOPMENT)
KEY_BYTES = 32
LOOK_SECONDS = 1.0  # between two looks at the file


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One epoch of the ring.

    Attributes:
        epoch: From 1, never used twice.
        secret: 32 random bytes.
    """

    epoch: int
    secret: bytes = field(repr=False)
    made_at: datetime

    @property
    def cipher(self) -> AESGCM:
        """What wraps and unwraps data keys."""
        return AESGCM(self.secret)

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that tell this key from another and nothing about it."""
        return sha256(b"annals master key\n" + self.secret).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """All master keys that still wrap something, by epoch; at least one.

    Attributes:
        purpose: ``production`` or ``development``; the latter is refused in production.
        active_epoch: Of the key that wraps what is new.
    """

    purpose: str
    active_epoch: int
    keys: Mapping[int, MasterKey]

    @property
    def active(self) -> MasterKey:
        """The key that wraps what is new."""
        return self.keys[self.active_epoch]

    def key(self, epoch: int) -> MasterKey:
        """Return the key of *epoch*.

        Raises:
            KeyRingError: The ring has none.
        """
        try:
            return self.keys[epoch]
        except KeyError:
            message = (
                f"the key ring has no epoch {epoch}, and this database needs it; "
                "restore the key-ring file that has it"
            )
            raise KeyRingError(message) from None


_seen: dict[str, tuple[float, KeyRing]] = {}  # by file: until when, and what it held


class _Epoch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    epoch: int
    key: str
    made_at: datetime


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    purpose: str
    epochs: list[_Epoch]
    active: int | None = None  # left out, the greatest


def new(purpose: str) -> KeyRing:
    """Return a ring with a fresh key of epoch 1."""
    return KeyRing(purpose=purpose, active_epoch=1, keys={1: _fresh(1)})


def with_new_epoch(ring: KeyRing, *, active: int | None = None) -> KeyRing:
    """Return *ring* with one more key, which wraps nothing until it is activated.

    Args:
        ring: What there is.
        active: Activate this epoch at once.
    """
    epoch = max(ring.keys) + 1
    keys = {**ring.keys, epoch: _fresh(epoch)}
    return replace(ring, keys=keys, active_epoch=active or ring.active_epoch)


def activated(ring: KeyRing, epoch: int) -> KeyRing:
    """Return *ring* with *epoch* as the one that wraps what is new.

    Raises:
        KeyRingError: The ring has no such epoch.
    """
    return replace(ring, active_epoch=ring.key(epoch).epoch)


def without(ring: KeyRing, epoch: int) -> KeyRing:
    """Return *ring* without the key of *epoch*.

    Raises:
        KeyRingError: It is the active one, or not in the ring.
    """
    if ring.key(epoch) == ring.active:
        message = f"epoch {epoch} is the active one; activate another one first"
        raise KeyRingError(message)
    return replace(ring, keys={n: key for n, key in ring.keys.items() if n != epoch})


def current() -> KeyRing:
    """Return the ring of this installation; a file that changed is read again.

    Looks at the file at most once a second.

    Raises:
        KeyRingError: ``KEY_RING_FILE`` names none, or it is not a key ring.
    """
    now = time.monotonic()
    seen = _seen.get(settings.KEY_RING_FILE)
    if seen is not None and now < seen[0]:
        return seen[1]
    path = path_of_ring()
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        message = f"cannot read the key ring {path}: {error.strerror}"
        raise KeyRingError(message) from error
    ring = _read(path, changed)
    _seen[settings.KEY_RING_FILE] = (now + LOOK_SECONDS, ring)
    return ring


def path_of_ring() -> Path:
    """Return where the ring lies.

    Raises:
        KeyRingError: ``KEY_RING_FILE`` is not set.
    """
    if not settings.KEY_RING_FILE:
        message = (
            "KEY_RING_FILE is not set: personal data can be neither sealed nor read; "
            "make a ring with manage.py key_ring create"
        )
        raise KeyRingError(message)
    return Path(settings.KEY_RING_FILE)


def parse(text: str | bytes) -> KeyRing:
    """Return the ring that *text* holds.

    Raises:
        KeyRingError: It is not a key ring; says why, and never quotes a key.
    """
    try:
        told = msgspec.json.decode(text, type=_File)
    except msgspec.DecodeError as error:
        raise KeyRingError(_not_a_ring(str(error))) from error
    if told.format != FORMAT or told.purpose not in PURPOSES:
        reason = f"format is not {FORMAT}, or purpose none of {', '.join(PURPOSES)}"
        raise KeyRingError(_not_a_ring(reason))
    keys = {each.epoch: _key(each) for each in told.epochs}
    if len(keys) != len(told.epochs) or not keys or min(keys) < 1:
        raise KeyRingError(_not_a_ring("epochs are numbers from 1, each once"))
    active = max(keys) if told.active is None else told.active
    if active not in keys:
        raise KeyRingError(_not_a_ring("active is none of its epochs"))
    return KeyRing(purpose=told.purpose, active_epoch=active, keys=keys)


def written(ring: KeyRing) -> str:
    """Return *ring* as the text of its file."""
    told = _File(
        format=FORMAT,
        purpose=ring.purpose,
        active=ring.active_epoch,
        epochs=[
            _Epoch(key.epoch, base64.b64encode(key.secret).decode(), key.made_at)
            for key in ring.keys.values()
        ],
    )
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def save(ring: KeyRing, path: Path, *, is_new: bool = False) -> None:
    """Write *ring* so that only the owner may read it; all of the file or nothing.

    Raises:
        KeyRingError: It cannot be written, or *is_new* and there is a file already.
    """
    if is_new and path.exists():
        message = f"{path} exists already; a key ring is never overwritten"
        raise KeyRingError(message)
    path = path.resolve()  # a link to the file stays one
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            file.write(f"{written(ring)}\n")
            file.flush()
            os.fsync(file.fileno())
        if path.exists():  # whoever reads it now reads it afterwards
            was = path.stat()
            os.chown(draft, was.st_uid, was.st_gid)
        draft.replace(path)
        _seen.clear()
    except OSError as error:
        message = f"cannot write the key ring {path}: {error.strerror}"
        raise KeyRingError(message) from error
    finally:
        draft.unlink(missing_ok=True)


def _fresh(epoch: int) -> MasterKey:
    now = datetime.now(UTC).replace(microsecond=0)
    return MasterKey(epoch, secrets.token_bytes(KEY_BYTES), now)


def _key(told: _Epoch) -> MasterKey:
    try:
        secret = base64.b64decode(told.key, validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != KEY_BYTES:
        reason = f"the key of epoch {told.epoch} is not 32 bytes in base64"
        raise KeyRingError(_not_a_ring(reason))
    return MasterKey(told.epoch, secret, told.made_at)


def _not_a_ring(reason: str) -> str:
    return f"this is no key ring: {reason}"


@lru_cache(maxsize=1)
def _read(path: Path, _changed: int) -> KeyRing:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        message = f"cannot read the key ring {path}: {error.strerror}"
        raise KeyRingError(message) from error
