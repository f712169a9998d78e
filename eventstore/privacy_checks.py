"""Django system checks: the keys are there, for production, and erasures hold.

The first needs no database and runs with every command; the second with
``check --deploy``; the third reads the vault and runs with ``check --database default``
and before ``migrate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection

from eventstore import erasure, keyring, rotation
from eventstore.errors import KeyRingError

TAG = "eventstore"
OTHERS = 0o077  # the mode's bits of group and everybody


def register_checks() -> None:
    """Tell Django of the checks; called once, when the app is ready."""
    register(key_ring_is_there, TAG)
    register(key_ring_is_for_production, TAG, deploy=True)
    register(vault_is_sound, TAG, Tags.database)
    register(vault_is_sound_for_deployment, TAG, deploy=True)


def key_ring_is_there(**_options: Any) -> list[CheckMessage]:
    """Return an error when personal data can be neither sealed nor read."""
    try:
        keyring.current()
    except KeyRingError as error:
        hint = "docs/reference/key-ring.md"
        return [Error(f"{error}.", hint=f"See {hint}.", id="eventstore.E003")]
    return []


def key_ring_is_for_production(**_options: Any) -> list[CheckMessage]:
    """Return an error for the ring of ``./run``, and one for a file others may read."""
    try:
        ring, path = keyring.current(), keyring.path_of_ring()
    except KeyRingError:
        return []  # the other check says so
    found: list[CheckMessage] = []
    if ring.purpose != keyring.PRODUCTION:
        text = f"The key ring {path} was made for development."
        hint = "Make one for this installation: manage.py key_ring create PATH."
        found.append(Error(text, hint=hint, id="eventstore.E004"))
    if path.stat().st_mode & OTHERS:
        text = f"Others than its owner may read the key ring {path}."
        found.append(Error(text, hint=f"chmod 600 {path}", id="eventstore.E005"))
    return found


def vault_is_sound(
    *, databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """Return an error for each epoch the ring does not fit, and for undone erasures."""
    if not databases or not _has_vault():
        return []
    try:
        epochs = rotation.epochs()
    except KeyRingError:
        return []  # the other check says so
    found: list[CheckMessage] = [
        Error(
            f"The key ring has no key, or another one, for epoch {epoch.epoch}, which "
            f"wraps {epoch.keys:,} keys.",
            hint="Use the key-ring file of this database; manage.py key_ring show.",
            id="eventstore.E006",
        )
        for epoch in epochs
        if (epoch.keys and not (epoch.is_in_ring and epoch.fits))
        or (epoch.is_active and (not epoch.fits or epoch.retired_at is not None))
    ]
    if undone := erasure.undone():
        text = f"{len(undone):,} people who were erased have a key again, or none yet."
        hint = "manage.py reapply_erasures, before anybody reads"
        found.append(Error(text, hint=hint, id="eventstore.E007"))
    return found


def vault_is_sound_for_deployment(**_options: Any) -> list[CheckMessage]:
    """As :func:`vault_is_sound`, whether or not a database is named."""
    try:
        return vault_is_sound(databases=["default"])
    except DatabaseError:
        return []  # the guard says that the database does not answer


def _has_vault() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass('vault.subject_key') IS NOT NULL"
            " AND to_regclass('events') IS NOT NULL"
        )
        has_vault: bool = cursor.fetchone()[0]
        return has_vault
