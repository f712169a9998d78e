"""Their records -> what we know of a person, and our commands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import uuid_utils.compat as uuid

from eventstore.events import SALESFORCE, Metadata
from users.commands import ChangeEmail, ChangeName, ChangeStatus, CreateUser
from users.errors import InvalidValueError
from users.sources.salesforce.errors import RecordIdError, SchemaError
from users.sources.salesforce.ids import canonical
from users.sources.salesforce.options import Options
from users.values import (
    SETTABLE_STATUSES,
    Status,
    comparison_form,
    email_address,
    person_name,
)

ACTOR = "integration:salesforce"
MAPPER = "salesforce"
MAPPER_VERSION = 1  # grows with every change of what a record means
NAME, EMAIL, STATUS = "name", "email", "status"
ATTRIBUTES = (NAME, EMAIL, STATUS)
STAMPS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")
REQUIRED = ("Id", "LastName", "Email", *STAMPS)
OPTIONAL = ("FirstName", "IsDeleted", "MasterRecordId", "LastModifiedById")
OUR_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNDELETABLE = frozenset({"User"})  # a User is made inactive, never deleted


class UnusableError(Exception):
    """A record cannot become a person.

    Attributes:
        code: Why; no personal data.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a version of a record says.

    Attributes:
        values: Name, e-mail and status; an attribute that could not be seen is missing.
        repaired: Characters that no database takes, and that were taken out.
        external_id: Whom of our users the record names, as it stands there; empty if
            nobody, None if that could not be seen.
    """

    sf_id: str
    created: datetime
    modified: datetime
    modified_by: str
    stamp: datetime
    values: Mapping[str, str]
    is_deleted: bool
    master_id: str
    repaired: int
    external_id: str | None = ""

    @property
    def gone_because(self) -> str:
        """Why the person is deactivated; empty when the record lives."""
        if not self.is_deleted:
            return ""
        if self.master_id:
            return f"salesforce_merged:{self.master_id}"
        return "salesforce_deleted"


def user_id_of(contact_id: str) -> UUID:
    """Return the user a Contact becomes: the same one however often it is read."""
    return uuid5(NAMESPACE_URL, f"salesforce:contact:{contact_id}")


def fields(told: Options, visible: Collection[str]) -> tuple[list[str], list[str]]:
    """Return which fields to ask for, and which we would like but may not see.

    Raises:
        SchemaError: One that we need may not be seen.
    """
    # Who is named there would become known twice if the name could not be seen.
    required = [*REQUIRED, *filter(None, [told.external_id_field])]
    missing = sorted(set(required) - set(visible))
    if missing:
        raise SchemaError(missing)
    wanted = [*OPTIONAL, *([field] if (field := status_field(told)) else [])]
    if told.sobject in UNDELETABLE:
        wanted = [each for each in wanted if each not in OPTIONAL[1:3]]
    seen = [each for each in wanted if each in visible]
    return [*required, *seen], sorted(set(wanted) - set(seen))


def status_field(told: Options) -> str:
    """Return the field with the status; empty when there is none."""
    if told.status_field or told.sobject not in UNDELETABLE:
        return told.status_field
    return "IsActive"


def observed(row: Mapping[str, Any], told: Options) -> Observed:
    """Return what *row* says.

    Raises:
        UnusableError: It makes no sense, or says what we have no word for.
    """
    try:
        sf_id = canonical(row["Id"])
        created, modified, stamp = (instant(row[name]) for name in STAMPS)
        master = row.get("MasterRecordId") or ""
        master_id = canonical(master) if master else ""
    except (RecordIdError, KeyError, TypeError, ValueError) as error:
        code = "bad_id" if isinstance(error, RecordIdError) else "bad_stamp"
        raise UnusableError(code) from None
    is_deleted = bool(row.get("IsDeleted"))
    values: dict[str, str] = {}
    repaired = 0
    if not is_deleted:  # whatever a deleted record says of the person is history
        values, repaired = _values(row, told)
    return Observed(
        sf_id=sf_id,
        created=created,
        modified=modified,
        modified_by=str(row.get("LastModifiedById") or ""),
        stamp=stamp,
        values=values,
        is_deleted=is_deleted,
        master_id=master_id,
        repaired=repaired,
        external_id=_external_id(row, told),
    )


def our_id(text: str) -> UUID | None:
    """Return the user whom *text* names; None if it is no id of ours."""
    known = text.lower()
    return UUID(known) if OUR_ID.fullmatch(known) else None


def instant(text: str) -> datetime:
    """Return the instant that *text* says, aware UTC.

    Raises:
        ValueError: It says none.
    """
    return datetime.fromisoformat(text).astimezone(UTC)


def comparable(attribute: str, value: str) -> str:
    """Return the form in which two values of *attribute* are the same."""
    return comparison_form(value) if attribute == EMAIL else value


def create_user(contact: Mapping[str, Any], *, contact_id: str) -> CreateUser:
    """Return the command that makes a Contact known."""
    names = (contact.get("FirstName"), contact.get("LastName"))
    return CreateUser(
        user_id=user_id_of(contact_id),
        name=" ".join(name for name in names if name),
        email=contact.get("Email") or "",
    )


def change(
    user_id: UUID, attribute: str, value: str, reason: str = ""
) -> ChangeName | ChangeEmail | ChangeStatus:
    """Return the command that gives *attribute* the *value*."""
    if attribute == NAME:
        return ChangeName(user_id=user_id, name=value)
    if attribute == EMAIL:
        return ChangeEmail(user_id=user_id, email=value)
    return ChangeStatus(user_id=user_id, status=Status(value), reason=reason)


def metadata(
    *,
    contact_id: str,
    run_id: UUID,
    occurred_at: datetime | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Metadata:
    """Return the circumstances of a command that a backfill *run_id* gives."""
    command_id = uuid.uuid7()
    return Metadata(
        actor=ACTOR,
        source=SALESFORCE,
        correlation_id=run_id,
        causation_id=command_id,
        occurred_at=occurred_at,
        extra={
            "command_id": str(command_id),
            "run": str(run_id),
            "record": contact_id,
            "backfill": True,
            **(extra or {}),
        },
    )


def _values(row: Mapping[str, Any], told: Options) -> tuple[dict[str, str], int]:
    values: dict[str, str] = {}
    repaired = 0
    try:
        if "FirstName" in row:
            name, repaired = _clean(f"{row['FirstName'] or ''} {row['LastName'] or ''}")
            values[NAME] = person_name(" ".join(name.split()))
        email, more = _clean(row["Email"] or "")
        values[EMAIL] = email_address(email)
        comparison_form(values[EMAIL])
    except InvalidValueError as error:
        code = f"bad_{error.field}"
        raise UnusableError(code) from None
    field = status_field(told)
    if field in row:
        values[STATUS] = _status(row[field], told)
    return values, repaired + more


def _external_id(row: Mapping[str, Any], told: Options) -> str | None:
    if not told.external_id_field:
        return ""
    if told.external_id_field not in row:
        return None
    return str(row[told.external_id_field] or "").strip()


def _status(raw: Any, told: Options) -> str:
    if isinstance(raw, bool):
        return Status.ACTIVE if raw else Status.DEACTIVATED
    default = Status.ACTIVE if raw is None else ""
    status = told.status_map.get(raw or "", default)
    if status not in SETTABLE_STATUSES:
        code = "unknown_status"
        raise UnusableError(code)
    return str(status)


def _clean(raw: str) -> tuple[str, int]:
    """Return *raw* without what no database takes, and how much that was."""
    if raw.isascii() and raw.isprintable():
        return raw, 0
    text = "".join(
        "\ufffd" if unicodedata.category(each) == "Cs" else each
        for each in raw.replace("\0", "")
    )
    return text, raw.count("\0") + text.count("\ufffd")
