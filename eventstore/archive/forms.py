"""One event as a line of text, in two forms: NDJSON, and CloudEvents 1.0 JSON.

Both hold every column, so either may be imported again.  docs/reference/archive.md
describes them field by field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec
import orjson

from eventstore.archive.rows import Row
from eventstore.hashing import instant

NDJSON = "ndjson"
CLOUDEVENTS = "cloudevents"

SOURCE = "urn:annals:source:"
SCHEMA = "urn:annals:event:"
INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)"
)


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event as a file tells it; the position is told, and not heeded."""

    stream: str
    version: int
    event_id: UUID
    type: str
    schema_version: int
    data: dict[str, Any]
    actor: str
    source: str
    correlation_id: UUID
    recorded_at: str
    position: int | None = None
    causation_id: UUID | None = None
    metadata: dict[str, Any] = {}
    occurred_at: str | None = None
    salt: str | None = None
    leaf: str | None = None


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event as CloudEvents 1.0 tells it, with our extensions."""

    specversion: str
    id: UUID
    source: str
    type: str
    subject: str
    dataschema: str
    data: dict[str, Any]
    streamversion: int
    actor: str
    correlationid: UUID
    recordedat: str
    time: str | None = None
    datacontenttype: str = "application/json"
    causationid: UUID | None = None
    eventmetadata: str = "{}"
    sequence: str | None = None
    salt: str | None = None
    leaf: str | None = None


_LINE = msgspec.json.Decoder(Line)


def ndjson(row: Row) -> bytes:
    """Return *row* as a line of NDJSON, its end included."""
    written = row._asdict() | {
        "recorded_at": instant(row.recorded_at),
        "occurred_at": instant(row.occurred_at),
        "salt": row.salt.hex(),
        "leaf": row.leaf.hex(),
    }
    return orjson.dumps(written, option=orjson.OPT_APPEND_NEWLINE)


def cloudevent(row: Row) -> bytes:
    """Return *row* as a line with one CloudEvent, its end included."""
    written = {
        "specversion": "1.0",
        "id": row.event_id,
        "source": SOURCE + quote(row.source, safe=""),
        "type": row.type,
        "subject": row.stream,
        "time": instant(row.occurred_at),
        "datacontenttype": "application/json",
        "dataschema": f"{SCHEMA}{quote(row.type, safe='')}:{row.schema_version}",
        "sequence": str(row.position),
        "streamversion": row.version,
        "actor": row.actor,
        "correlationid": row.correlation_id,
        "recordedat": instant(row.recorded_at),
        # An attribute cannot hold an object.
        "eventmetadata": orjson.dumps(row.metadata).decode(),
        "salt": row.salt.hex(),
        "leaf": row.leaf.hex(),
        "data": row.data,
    }
    if row.causation_id is not None:  # an attribute is there or not, never null
        written["causationid"] = row.causation_id
    return orjson.dumps(written, option=orjson.OPT_APPEND_NEWLINE)


WRITERS = {NDJSON: ndjson, CLOUDEVENTS: cloudevent}


def parse(raw: bytes) -> Line:
    """Return the event of a line in either form.

    Raises:
        ValueError: It is not JSON, or not one of the two forms; says where.
    """
    try:
        return _LINE.decode(raw)  # nearly always: in half the time
    except ValueError:
        told = orjson.loads(raw)
    if isinstance(told, Mapping) and "specversion" in told:
        return _from_cloudevent(msgspec.convert(told, CloudEvent))
    return msgspec.convert(told, Line)


def parse_instant(raw: str, field: str) -> datetime:
    """Return an instant of a line, in UTC.

    Raises:
        ValueError: It is not RFC 3339 with an offset and at most six decimals.
    """
    try:
        if INSTANT.fullmatch(raw):
            return datetime.fromisoformat(raw.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    message = f"{field} is no RFC 3339 instant with an offset and at most six decimals"
    raise ValueError(message)


def _from_cloudevent(told: CloudEvent) -> Line:
    name, _, schema_version = told.dataschema.removeprefix(SCHEMA).rpartition(":")
    if not told.source.startswith(SOURCE) or not schema_version.isdecimal():
        message = f"source is not {SOURCE}…, or dataschema not {SCHEMA}<type>:<version>"
        raise ValueError(message)
    if told.specversion != "1.0" or unquote(name) != told.type:
        message = "specversion is not 1.0, or dataschema names another type"
        raise ValueError(message)
    extra = orjson.loads(told.eventmetadata)
    if not isinstance(extra, dict):
        message = "eventmetadata holds no object"
        raise ValueError(message)  # noqa: TRY004 - the file is wrong, not the program
    return Line(
        stream=told.subject,
        version=told.streamversion,
        event_id=told.id,
        type=told.type,
        schema_version=int(schema_version),
        data=told.data,
        actor=told.actor,
        source=unquote(told.source.removeprefix(SOURCE)),
        correlation_id=told.correlationid,
        causation_id=told.causationid,
        metadata=extra,
        recorded_at=told.recordedat,
        occurred_at=told.time,
        salt=told.salt,
        leaf=told.leaf,
    )
