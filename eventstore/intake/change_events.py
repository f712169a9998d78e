"""Change events of Salesforce as JSON, from whatever relays them.

One may name many records, whose fields became the same.  It is kept as one record of
each, so that whoever is erased takes along what tells of them and nothing else.

Source: Change Data Capture Developer Guide, API version 60.0, "Change Event Fields".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.intake import strict
from eventstore.intake.errors import MapperError

HEADER = "ChangeEventHeader"
MOST_RECORDS = 500  # of one event
MOST_BYTES = 16 * 2**20  # of all copies of one event
# What an event names that tells of more than it can name.
WILDCARD = "*"
NOBODY = "0" * 15  # with or without its suffix
OVERFLOW = "GAP_OVERFLOW"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """One change of one record.

    Attributes:
        id: The same one when it is sent again.
        sobject: Object of the record, for example ``Contact``.
        record: Its id, as received; empty where so much changed that the event does
            not say what.
    """

    id: str
    sobject: str
    record: str


def read(body: bytes) -> ChangeEvent:
    """Return the change that *body* tells of.

    Raises:
        MapperError: It is no change event of one record.
    """
    header = header_of(strict.parsed(body))
    known = key(header)
    records = header.get("recordIds")
    if not known or not isinstance(records, list) or len(records) != 1:
        code = "no_change_event"
        raise MapperError(code)
    record = str(records[0])
    is_vague = record.endswith(WILDCARD) or record.startswith(NOBODY)
    if is_vague or header.get("changeType") == OVERFLOW:
        record = ""
    return ChangeEvent(id=known, sobject=str(header["entityName"]), record=record)


def cut(body: bytes) -> Sequence[tuple[bytes, str]]:
    """Return *body*, once for each record that it names, and what tells these apart.

    Of one record, and what is no change event, *body* as it is, and nothing.

    Raises:
        MapperError: It names more than 500 records, or is too long for so many.
    """
    try:
        value = strict.parsed(body)
    except MapperError:
        return [(body, "")]
    header = header_of(value)
    records = header.get("recordIds")
    # What is no change event has no name that tells its parts from others.
    if not key(header) or not isinstance(records, list) or len(records) <= 1:
        return [(body, "")]
    if len(records) > MOST_RECORDS or len(records) * len(body) > MOST_BYTES:
        code = "too_many_records"
        raise MapperError(code)
    found = {}
    for each in records:
        header["recordIds"] = [each]  # of the value that is written
        # Not orjson: it refuses halves of characters, and numbers of over 64 bits.
        found[str(each)] = json.dumps(value).encode()
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
    names = (entity, transaction)
    if not all(isinstance(each, str) and each.isprintable() and each for each in names):
        return ""
    if not isinstance(number, int) or isinstance(number, bool):
        return ""
    return f"{entity}:{transaction}:{number}"
