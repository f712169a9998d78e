"""A line of a file, checked as far as it can be without the log."""

from __future__ import annotations

import secrets
from datetime import datetime

from eventstore import sealing
from eventstore.appends import SALT_BYTES, STREAM_NAME
from eventstore.archive.forms import Line, parse, parse_instant
from eventstore.archive.rows import Row, leaf_of
from eventstore.codec import SEALED, decode, tells_of_somebody, type_named
from eventstore.errors import ImportRefusedError, PayloadError, StreamNameError
from eventstore.events import UnknownEvent
from eventstore.hashing import canonical

MAX_LINE_BYTES = 1_048_576  # both payloads at their longest, every character escaped
LARGEST_SCHEMA_VERSION = 2**31 - 1


def candidate(raw: bytes, line: int, *, allow_unknown: bool) -> Row:
    """Return the event that line number *line* tells, with its leaf.

    Its position is 0; data and metadata are canonical text, as COPY takes them.

    Raises:
        ImportRefusedError: It breaks the rules of append; names line and reason.
    """
    try:
        told = parse(_whole(raw))
        row = _row(told)
        _check(row, told, allow_unknown=allow_unknown)
    except (PayloadError, StreamNameError) as error:
        raise ImportRefusedError(line, str(error)) from error
    except ValueError as error:
        raise ImportRefusedError(line, _why(raw, error)) from error
    return row


def _whole(raw: bytes) -> bytes:
    if len(raw) > MAX_LINE_BYTES:
        message = f"longer than {MAX_LINE_BYTES} bytes"
        raise ValueError(message)
    return raw


def _why(raw: bytes, error: ValueError) -> str:
    if raw.endswith(b"\n") or len(raw) > MAX_LINE_BYTES:
        return str(error)
    return f"the file is cut off here ({error}); copy or export it again"


def _row(told: Line) -> Row:
    recorded_at = parse_instant(told.recorded_at, "recorded_at")
    if told.leaf is not None and told.salt is None:
        message = "a leaf without its salt cannot be verified"
        raise ValueError(message)
    data, extra = canonical(told.data), canonical(told.metadata)
    row = Row(
        position=0,
        stream=told.stream,
        version=told.version,
        event_id=told.event_id,
        type=told.type,
        schema_version=told.schema_version,
        data=data.decode(),
        actor=told.actor,
        source=told.source,
        correlation_id=told.correlation_id,
        causation_id=told.causation_id,
        metadata=extra.decode(),
        recorded_at=recorded_at,
        occurred_at=_occurred_at(told, recorded_at),
        salt=_bytes(told.salt, SALT_BYTES, "salt") or secrets.token_bytes(SALT_BYTES),
        leaf=b"",
    )
    return Row(*row[:-1], leaf=leaf_of(row, data, extra))


def _occurred_at(told: Line, recorded_at: datetime) -> datetime:
    if told.occurred_at is None or told.occurred_at == told.recorded_at:
        return recorded_at
    return parse_instant(told.occurred_at, "occurred_at")


def _bytes(written: str | None, size: int, field: str) -> bytes:
    if written is None:
        return b""
    try:
        value = bytes.fromhex(written)
    except ValueError:
        value = b""
    if len(value) != size:
        message = f"{field} is not {size} bytes in hexadecimal"
        raise ValueError(message)
    return value


def _check(row: Row, told: Line, *, allow_unknown: bool) -> None:
    if not STREAM_NAME.fullmatch(row.stream):
        raise StreamNameError(row.stream)
    if row.version < 1:
        message = "version is not a whole number from 1"
        raise ValueError(message)
    if not 1 <= row.schema_version <= LARGEST_SCHEMA_VERSION:
        message = "schema_version is not a whole number from 1"
        raise ValueError(message)
    if not allow_unknown:
        _check_known(told)
    if told.leaf is not None and _bytes(told.leaf, 32, "leaf") != row.leaf:
        message = "the leaf is not the one of this event: something in it was changed"
        raise ValueError(message)
    _check_clear(told)


def _check_clear(told: Line) -> None:
    if SEALED in told.data and not sealing.is_sealed(told.data):
        message = "its sealed part is not one: blob, fields and subject"
        raise ValueError(message)
    if not tells_of_somebody(told.type, told.data):
        return
    # It will be sealed, which gives it another leaf.
    if told.leaf is not None:
        message = (
            "it tells of a person in clear; leave salt and leaf out, and it is sealed"
        )
        raise ValueError(message)
    known = type_named(told.type)
    newest = known.schema_version if known else 0
    if told.schema_version != newest or SEALED in told.data:
        message = (
            f"it tells of a person in clear; lift it to {told.type} version {newest}, "
            "whose personal fields are known, with nothing sealed"
        )
        raise ValueError(message)


def _check_known(told: Line) -> None:
    # Whether the key is here is not the file's affair, whether the shape fits is.
    data = sealing.erased(told.data) if sealing.is_sealed(told.data) else told.data
    if not isinstance(decode(told.type, told.schema_version, data), UnknownEvent):
        return
    known = type_named(told.type)
    if known is None:
        what = f"type {told.type!r} is unknown"
    elif known.schema_version != told.schema_version:
        what = f"{told.type} has no schema version {told.schema_version}"
    else:
        what = f"data does not have the shape of {told.type}"
    message = f"{what}; deploy the code that knows it, or use --allow-unknown"
    raise ValueError(message)
