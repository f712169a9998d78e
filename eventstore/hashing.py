"""Canonical JSON, data hashes and leaves: values in, digests out.

The canonical form is RFC 8785.  Values are held to a profile (ASCII keys, no floats,
integers under 2^53, NFC strings, no NUL, no lone surrogates, bounded depth) in which
orjson with sorted keys is byte-identical to it; tests compare with the rfc8785 package.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from eventstore.errors import PayloadError

MAX_INTEGER = 2**53 - 1  # the largest integer every JSON reader agrees on
MAX_DEPTH = 16
MAX_BYTES = 65_536  # of one payload in canonical form
_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
LEAF_PREFIX = b"\x00"  # RFC 6962, 2.1: tells a leaf from an inner node
# What others wrote into a header; all else in it is ours: hashes, instants, ids.
_TOLD = ("actor", "schema", "source", "stream", "type", "version")


def canonical(value: Any) -> bytes:
    """Return *value* as canonical JSON.

    Raises:
        PayloadError: *value* is outside the profile; names the place.

    Source: RFC 8785; the profile is ADR-0010.
    """
    if not _fits(value, MAX_DEPTH):
        _check(value, "$", MAX_DEPTH)
    written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if len(written) > MAX_BYTES:
        raise PayloadError("$", f"longer than {MAX_BYTES} bytes")  # noqa: EM101
    return written


def salted_hash(salt: bytes, content: bytes) -> bytes:
    """Return SHA-256 of *salt* (16 random bytes) followed by *content*."""
    return sha256(salt + content).digest()


def plain_hash(content: bytes) -> bytes:
    """Return SHA-256 of *content*."""
    return sha256(content).digest()


def leaf(header: Mapping[str, Any]) -> bytes:
    """Return the RFC 6962 leaf hash of an event's *header*.

    Ids are given as UUIDs, which are written in lower case with dashes.  The database
    computes the same in ``event_leaf_v1``; a test holds the two together.

    Raises:
        PayloadError: A text or a number of the header is outside the profile.
    """
    for name in _TOLD:
        if not _fits(header[name], 0):
            _check(header[name], f"$.{name}", 0)
    written = orjson.dumps(header, option=orjson.OPT_SORT_KEYS)
    return sha256(LEAF_PREFIX + written).digest()


def instant(value: datetime) -> str:
    """Write an aware instant as the header does: UTC, always six decimals."""
    # Not isoformat, which takes five times as long.
    option = orjson.OPT_UTC_Z
    written = orjson.dumps(value.astimezone(UTC), option=option).decode()[1:-1]
    return written if value.microsecond else f"{written[:-1]}.000000Z"


def _fits(value: Any, depth: int) -> bool:
    """Say whether *value* surely fits the profile: quick, and names no place."""
    kind = type(value)
    if kind is str:
        return _is_plain(value) or _is_normal(value)
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is dict and depth:
        return all(map(_is_key, value)) and _fit(value.values(), depth - 1)
    if kind is list and depth:
        return _fit(value, depth - 1)
    return value is None or kind is bool


def _fit(values: Iterable[Any], depth: int) -> bool:
    for value in values:
        # Nearly all are plain text: without another call it takes half the time.
        if type(value) is str and _is_plain(value):
            continue
        if not _fits(value, depth):
            return False
    return True


def _is_plain(value: str) -> bool:
    return value.isascii() and "\x00" not in value


def _is_normal(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value and unicodedata.is_normalized("NFC", value)


@lru_cache(maxsize=4096)  # the same few fields come back in every event
def _is_key(key: Any) -> bool:
    return type(key) is str and _KEY.fullmatch(key) is not None


def _check(value: Any, path: str, depth: int) -> None:
    match value:
        case None | bool():
            return
        case str():
            _check_text(value, path)
        case int():
            if abs(value) > MAX_INTEGER:
                raise PayloadError(path, "integers stay under 2^53; use a string")
        case Mapping() | list() | tuple():
            if depth == 0:
                raise PayloadError(path, f"nested deeper than {MAX_DEPTH}")
            _check_children(value, path, depth - 1)
        case _:
            kind = type(value).__name__
            raise PayloadError(path, f"{kind} is not storable; use a string")


def _check_children(
    value: Mapping[Any, Any] | Sequence[Any], path: str, depth: int
) -> None:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if not (isinstance(key, str) and _KEY.fullmatch(key)):
                raise PayloadError(path, f"key {key!r} is not [a-z][a-z0-9_]*")
            _check(child, f"{path}.{key}", depth)
    else:
        for index, child in enumerate(value):
            _check(child, f"{path}[{index}]", depth)


def _check_text(value: str, path: str) -> None:
    if value.isascii():
        if "\x00" in value:
            raise PayloadError(path, "NUL characters cannot be stored")
        return
    if "\x00" in value:
        raise PayloadError(path, "NUL characters cannot be stored")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PayloadError(path, "lone surrogates cannot be stored") from None
    if not unicodedata.is_normalized("NFC", value):
        raise PayloadError(path, "text is not in Unicode normal form C")
