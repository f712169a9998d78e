"""Rotating the master key: data keys are wrapped anew, and no event is touched.

Add an epoch to the ring, let every machine have the file, activate it, rewrap, drop the
old epoch.
Dropping it makes every erasure final in the backups of the vault, too: what they hold
can be unwrapped by nobody.  ADR-0009.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from django.db import DatabaseError, connection

from eventstore import keyring, sql, vault
from eventstore.errors import KeyRingError
from eventstore.keyring import KeyRing

BATCH_SIZE = 1_000  # keys a transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch, as ring and vault know it.

    Attributes:
        keys: Data keys it wraps.
        is_in_ring: Whether the ring has its master key.
        is_active: Whether it wraps what is new.
        fits: Whether the ring's key is the one the vault saw first under this number;
            True where one of the two does not know it.
        retired_at: Since when it wraps nothing any more; None while it may.
    """

    epoch: int
    keys: int
    is_in_ring: bool
    is_active: bool
    fits: bool
    retired_at: datetime | None


def epochs() -> list[Epoch]:
    """Return every epoch that the ring or the vault knows, oldest first.

    Raises:
        KeyRingError: There is no ring.
    """
    ring = keyring.current()
    with connection.cursor() as cursor:
        cursor.execute(sql.load("count_epochs"))
        known = {row[0]: row[1:] for row in cursor.fetchall()}
    return [
        _epoch(each, ring, known.get(each)) for each in sorted({*ring.keys, *known})
    ]


def rewrap(*, on_batch: Callable[[int], None] | None = None) -> int:
    """Wrap every data key under the active epoch; return how many were not.

    A transaction a batch; running it again goes on where it stopped.

    Args:
        on_batch: Told after every batch how many are done.

    Raises:
        KeyRingError: A master key is missing, or is not the one of this database.
    """
    done = 0
    for each in epochs():
        if each.keys and not each.is_active:
            after = ""
            while rows := _scan(each.epoch, after):
                done += _rewrap(rows, each.epoch)
                after = rows[-1][0]
                if on_batch:
                    on_batch(done)
    return done


def retire(epoch: int) -> None:
    """Let *epoch* never wrap a key again.

    Raises:
        KeyRingError: It still wraps some, or is the active one.
    """
    ring = keyring.current()
    if epoch == ring.active.epoch:
        message = f"epoch {epoch} is the active one; activate another one first"
        raise KeyRingError(message)
    _call("retire_epoch_v1(%s)", [epoch])


def _rewrap(rows: Sequence[vault.Row], epoch: int) -> int:
    master = vault.active_master()
    wrapped = [vault.wrap(master, row[0], row[1], vault.unwrap(row)) for row in rows]
    subjects = [row[0] for row in rows]
    new = [master.epoch, master.fingerprint, subjects, wrapped]
    count: int = _call("rewrap_subject_keys_v1(%s, %s, %s, %s, %s)", [epoch, *new])
    return count


def _call(function: LiteralString, parameters: Sequence[Any]) -> Any:
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}", parameters)
            return cursor.fetchone()[0]
    except DatabaseError as error:
        raise vault.refusal(error) or error from error


def _epoch(epoch: int, ring: KeyRing, known: tuple[Any, ...] | None) -> Epoch:
    fingerprint, retired_at, keys = known or (None, None, 0)
    mine = ring.keys.get(epoch)
    return Epoch(
        epoch=epoch,
        keys=keys,
        is_in_ring=mine is not None,
        is_active=epoch == ring.active.epoch,
        fits=mine is None or known is None or mine.fingerprint == bytes(fingerprint),
        retired_at=retired_at,
    )


def _scan(epoch: int, after: str) -> list[vault.Row]:
    parameters: dict[str, Any] = {"epoch": epoch, "after": after, "size": BATCH_SIZE}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("scan_keys"), parameters)
        rows: list[vault.Row] = cursor.fetchall()
        return rows
