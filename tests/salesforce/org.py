"""What is true in an org: records with their stamps, and what one may do to them."""

from __future__ import annotations

import contextlib
import json
import string
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CONTACTS = (
    Path(__file__).parents[2] / "config" / "demonstration" / "contacts.json"
)  # Coral Cloud, CC0
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
SUFFIX = string.ascii_uppercase + "012345"
SOMEBODY = "005000000000001AAC"

Record = dict[str, Any]

SYSTEM_FIELDS = {
    "Id": "id",
    "IsDeleted": "boolean",
    "MasterRecordId": "reference",
    "CreatedDate": "datetime",
    "LastModifiedDate": "datetime",
    "LastModifiedById": "reference",
    "SystemModstamp": "datetime",
}
FIELDS: dict[str, dict[str, str]] = {
    "Contact": SYSTEM_FIELDS
    | {
        "FirstName": "string",
        "LastName": "string",
        "Email": "email",
        "Status__c": "picklist",
        "External_Id__c": "string",
        "MobilePhone": "phone",
    },
    "Lead": SYSTEM_FIELDS
    | {"FirstName": "string", "LastName": "string", "Email": "email"},
    # A User is never deleted, only made inactive: no IsDeleted, no MasterRecordId.
    "User": {
        name: kind
        for name, kind in SYSTEM_FIELDS.items()
        if name not in ("IsDeleted", "MasterRecordId")
    }
    | {
        "FirstName": "string",
        "LastName": "string",
        "Email": "email",
        "IsActive": "boolean",
    },
}
PREFIXES = {"Contact": "003", "Lead": "00Q", "User": "005"}


def long_id(short: str) -> str:
    """Return the 18 characters for an id of 15: each bit tells of a capital."""
    suffix = ""
    for start in (0, 5, 10):
        bits = [character.isupper() for character in short[start : start + 5]]
        suffix += SUFFIX[sum(1 << place for place, bit in enumerate(bits) if bit)]
    return short + suffix


def record_id(prefix: str, number: int) -> str:
    digits = ""
    for _ in range(12):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return long_id(prefix + digits)


@dataclass(kw_only=True)
class Org:
    """One org; safe to change while it is asked.

    Attributes:
        skew: How far its clock is ahead of ours.
        hidden: Fields that our user may not see.
        api_used: Requests of the day, of *api_limit*.
        per_app: What the limits header says of our app, too; empty for nothing.
    """

    org_id: str = "00D000000000001EAA"
    name: str = "Coral Cloud Resorts"
    skew: timedelta = timedelta()
    hidden: set[str] = field(default_factory=set)
    api_used: int = 0
    api_limit: int = 100_000
    per_app: str = ""
    tables: dict[str, dict[str, Record]] = field(
        default_factory=lambda: {name: {} for name in FIELDS}
    )
    lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: int = 0
    _held: list[tuple[str, Record]] | None = None

    def now(self) -> datetime:
        """Return its clock, to the second: SOQL compares no finer."""
        return (datetime.now(UTC) + self.skew).replace(microsecond=0)

    def create(self, sobject: str = "Contact", /, **values: Any) -> str:
        """Make a record and return its id; system fields may be given."""
        with self.lock:
            self._numbers += 1
            now = self.now()
            record: Record = dict.fromkeys(FIELDS[sobject])
            record |= {
                "Id": record_id(PREFIXES[sobject], self._numbers),
                "CreatedDate": now,
                "LastModifiedDate": now,
                "LastModifiedById": SOMEBODY,
                "SystemModstamp": now,
            }
            if "IsDeleted" in record:
                record["IsDeleted"] = False
            if "IsActive" in record:
                record["IsActive"] = True
            self._put(sobject, record | values)
            return str((record | values)["Id"])

    def update(self, identity: str, /, **values: Any) -> None:
        """Change a record; without values it is only touched."""
        with self.lock:
            sobject, record = self.find(identity)
            now = self.now()
            stamps = {"SystemModstamp": now, "LastModifiedDate": now}
            self._put(sobject, record | stamps | values)

    def delete(self, identity: str) -> None:
        self.update(identity, IsDeleted=True)

    def undelete(self, identity: str) -> None:
        self.update(identity, IsDeleted=False, MasterRecordId=None)

    def merge(self, loser: str, *, into: str) -> None:
        self.update(loser, IsDeleted=True, MasterRecordId=into)
        self.update(into)

    def purge(self, identity: str) -> None:
        """Delete for good: nobody sees it any more, not even queryAll."""
        with self.lock:
            sobject, record = self.find(identity)
            del self.tables[sobject][record["Id"]]

    @contextlib.contextmanager
    def slow_transaction(self) -> Iterator[None]:
        """Stamp what the block does now, and let it be seen only at its end."""
        with self.lock:
            self._held = []
        yield
        with self.lock:
            held, self._held = self._held or [], None
            for sobject, record in held:
                self._put(sobject, record)

    def covered(self) -> datetime:
        """Return ``latestDateCovered``: held back by what is not committed yet."""
        with self.lock:
            stamps = [self.now()]
            stamps += [record["SystemModstamp"] for _, record in self._held or ()]
            return min(stamps)

    def find(self, identity: str) -> tuple[str, Record]:
        """Return the object and the record of an id.

        Raises:
            KeyError: There is none.
        """
        for sobject, table in self.tables.items():
            if identity in table:
                return sobject, table[identity]
        raise KeyError(identity)

    def snapshot(self, sobject: str) -> list[Record]:
        with self.lock:
            return list(self.tables[sobject].values())

    def seed(self, contacts: int | None = None) -> list[str]:
        """Fill it with the sample Contacts, or the first of them; return their ids."""
        records = json.loads(CONTACTS.read_text("utf-8"))["records"]
        return [self.create(**_contact(each)) for each in records[:contacts]]

    def fill(self, count: int, **values: Any) -> None:
        """Add many Contacts with plain names and addresses."""
        with self.lock:
            for number in range(count):
                name = {"FirstName": "Person", "LastName": f"No {number}"}
                email = {"Email": f"person.{number}@example.com"}
                self.create(**name | email | values)

    def _put(self, sobject: str, record: Record) -> None:
        if self._held is not None:
            self._held.append((sobject, record))
        else:
            self.tables[sobject][record["Id"]] = record


def _contact(sample: Mapping[str, Any]) -> dict[str, Any]:
    known = FIELDS["Contact"].keys() - SYSTEM_FIELDS.keys()
    return {name: sample[name] for name in known if name in sample}
