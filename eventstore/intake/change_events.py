"""Change events of Salesforce as JSON, from whatever relays them.

One may name many records, whose fields became the same.  It is kept as one record of
each, so that whoever is erased takes along what tells of them and nothing else.

Source: Change Data Capture Developer Guide, API version 60.0, "Change Event Fields".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from eventstore.intake import strict
from eventstore.intake.errors import MapperError

HEADER = "ChangeEventHeader"
MOST_RECORDS = 500  # of one event
# What an event names that tells of more than it can name.
WILDCARD = "*"
NOBODY = "000000000000000AAA"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """One change of one record.

    Attributes:
        id: The same one when it is sent again.
        sobject: Object of the record, for example ``Contact``.
        record: Its id, as received.
    """

    id: str
    sobject: str
    record: str


def read(body: bytes) -> ChangeEvent:
    """Return the change that *body* tells of.

    Raises:
        MapperError: It is no change event of one record; ``overflow`` where so much
            changed that the event does not say what.
    """
    header = header_of(strict.parsed(body))
    known = key(header)
    records = header.get("recordIds")
    if not known or not isinstance(records, list) or len(records) != 1:
        code = "no_change_event"
        raise MapperError(code)
    record = str(records[0])
    if record.endswith(WILDCARD) or record == NOBODY:
        code = "overflow"
        raise MapperError(code)
    return ChangeEvent(id=known, sobject=str(header["entityName"]), record=record)


def cut(body: bytes) -> Sequence[tuple[bytes, str]]:
    """Return *body*, once for each record that it names, and what tells these apart.

    Of one record, and what is no change event, *body* as it is, and nothing.

    Raises:
        MapperError: It names more than 500 records.
    """
    try:
        value = strict.parsed(body)
    except MapperError:
        return [(body, "")]
    header = header_of(value)
    records = header.get("recordIds")
    if not isinstance(records, list) or len(records) <= 1:
        return [(body, "")]
    if len(records) > MOST_RECORDS:
        code = "too_many_records"
        raise MapperError(code)
    found = {}
    for each in records:
        header["recordIds"] = [each]  # of the value that is written
        found[str(each)] = orjson.dumps(value)
    return [(text, record) for record, text in found.items()]


def header_of(value: Any) -> dict[str, Any]:
    """Return the header of a change event; empty where *value* is none."""
    payload = value.get("payload", value) if isinstance(value, dict) else None
    header = payload.get(HEADER) if isinstance(payload, dict) else None
    return header if isinstance(header, dict) else {}


def key(header: Mapping[str, Any]) -> str:
    """Return what names the event; empty where the header does not say."""
    entity, transaction = header.get("entityName"), header.get("transactionKey")
    number = header.get("sequenceNumber")
    texts = isinstance(entity, str) and isinstance(transaction, str)
    if not texts or not isinstance(number, int):
        return ""
    return f"{entity}:{transaction}:{number}"
