"""Their records -> our commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import uuid_utils.compat as uuid

from eventstore.events import SALESFORCE, Metadata
from users.commands import CreateUser

ACTOR = "integration:salesforce"


def user_id_of(contact_id: str) -> UUID:
    """Return the user a Contact becomes: the same one however often it is read."""
    return uuid5(NAMESPACE_URL, f"salesforce:contact:{contact_id}")


def create_user(contact: Mapping[str, Any], *, contact_id: str) -> CreateUser:
    """Return the command that makes a Contact known."""
    names = (contact.get("FirstName"), contact.get("LastName"))
    return CreateUser(
        user_id=user_id_of(contact_id),
        name=" ".join(name for name in names if name),
        email=contact.get("Email") or "",
    )


def metadata(*, contact_id: str, run_id: UUID) -> Metadata:
    """Return the circumstances of a command that a backfill *run_id* gives."""
    command_id = uuid.uuid7()
    return Metadata(
        actor=ACTOR,
        source=SALESFORCE,
        correlation_id=run_id,
        causation_id=command_id,
        extra={
            "command_id": str(command_id),
            "run": str(run_id),
            "record": contact_id,
            "backfill": True,
        },
    )
