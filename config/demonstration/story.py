"""Fill an empty log: Salesforce Contacts through the backfill's door, then changes.

Everything goes through ``users.services`` as it would on any day.  The Contacts are
sample data of Salesforce's Coral Cloud application, CC0 (LICENSE.contacts.txt).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import uuid_utils.compat as uuid

from eventstore import repository
from eventstore.events import ADMIN, REST, Metadata
from users import services
from users.aggregate import USER
from users.commands import (
    ChangeEmail,
    ChangeName,
    ChangeStatus,
    CreateUser,
    UserCommand,
)
from users.sources.salesforce import translate
from users.values import Status

CONTACTS = Path(__file__).parent / "contacts.json"
PORTAL = "client:crm-portal"
STAFF = "staff:m.jones"
_NAMESPACE = UUID("5d2f8a3e-7a55-4f0c-9d0e-0d6c3f6f1a11")
ADA = uuid5(_NAMESPACE, "ada")
GRACE = uuid5(_NAMESPACE, "grace")
ALAN = uuid5(_NAMESPACE, "alan")

Step = tuple[UserCommand, Metadata]


def tell() -> int:
    """Load the demonstration and return how many commands it took.

    Atomic; safe to run again: returns 0 when it is there already.
    """
    if repository.load(USER, ADA).version:
        return 0
    steps = [*_backfill(), *_people(), *_changes()]
    services.execute_all(steps)
    return len(steps)


def _backfill() -> Iterator[Step]:
    run_id = uuid.uuid7()
    for contact in _contacts():
        contact_id = _id_of(contact)
        yield (
            translate.create_user(contact, contact_id=contact_id),
            translate.metadata(contact_id=contact_id, run_id=run_id),
        )


def _people() -> Iterator[Step]:
    for user_id, name, email in (
        (ADA, "Ada Byron", "ada@example.com"),
        (GRACE, "Grace Murray", "grace.murray@example.org"),
        (ALAN, "Alan Turing", "alan@example.net"),
    ):
        yield CreateUser(user_id=user_id, name=name, email=email), _portal()


def _changes() -> Iterator[Step]:
    yield ChangeName(user_id=ADA, name="Ada King"), _staff("married")
    yield ChangeEmail(user_id=ADA, email="ada.king@example.com"), _portal()
    yield (
        ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason="Card reported lost"),
        _staff("ticket OPS-412"),
    )
    yield (
        ChangeStatus(user_id=ADA, status=Status.ACTIVE, reason="New card issued"),
        _staff("ticket OPS-412"),
    )
    yield ChangeName(user_id=ADA, name="Ada Lovelace"), _staff("title inherited")
    yield ChangeEmail(user_id=ADA, email="ada@lovelace.example"), _portal()
    yield ChangeName(user_id=GRACE, name="Grace Hopper"), _staff("married")
    yield ChangeEmail(user_id=GRACE, email="grace@hopper.example"), _portal()
    yield (
        ChangeStatus(user_id=ALAN, status=Status.DEACTIVATED, reason="On request"),
        _staff("letter of 3 November"),
    )
    first, second, third = (_id_of(each) for each in _contacts()[:3])
    yield (
        ChangeEmail(user_id=translate.user_id_of(first), email="frayda@dowsing.net"),
        _staff("called in"),
    )
    yield (
        ChangeName(user_id=translate.user_id_of(second), name="Nedi Heinsius-Park"),
        _portal(),
    )
    yield (
        ChangeStatus(
            user_id=translate.user_id_of(third),
            status=Status.SUSPENDED,
            reason="Chargeback under review",
        ),
        _staff("ticket OPS-431"),
    )


def _contacts() -> list[dict[str, Any]]:
    contacts: list[dict[str, Any]] = json.loads(CONTACTS.read_text("utf-8"))["records"]
    return contacts


def _id_of(contact: dict[str, Any]) -> str:
    # A tree export has references where an org has record ids.
    reference: str = contact["attributes"]["referenceId"]
    return reference


def _staff(reason: str) -> Metadata:
    return _circumstances(STAFF, ADMIN, {"reason": reason})


def _portal() -> Metadata:
    return _circumstances(PORTAL, REST, {})


def _circumstances(actor: str, source: str, extra: dict[str, Any]) -> Metadata:
    command_id = uuid.uuid7()
    return Metadata(
        actor=actor,
        source=source,
        correlation_id=uuid.uuid7(),
        causation_id=command_id,
        extra={"command_id": str(command_id), **extra},
    )
