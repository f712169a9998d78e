"""The sources of this installation, as ``INGEST_SOURCES`` names them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings

from eventstore.intake.errors import SourceSettingsError, UnknownSourceError

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
STANDARD = "standard"
GITHUB = "github"
STRIPE = "stripe"
HMAC = "hmac"
SALESFORCE = "salesforce"
STYLES = (STANDARD, GITHUB, STRIPE, HMAC, SALESFORCE)
PLAIN = "plain"
CLOUD_EVENTS = "cloudevents"
CHANGE_EVENTS = "change_events"
FORMATS = (PLAIN, CLOUD_EVENTS, CHANGE_EVENTS)
SECRET_BYTES = 16  # fewer can be guessed
PREFIX = "whsec_"
PUBLIC, PRIVATE = "whpk_", "whsk_"  # keys of Ed25519, as Standard Webhooks writes them
KEY_BYTES = 32  # of a public one
# What needs no escaping in an address, where Salesforce wants it to be written.
LOGIN = re.compile(rf"[\w.~-]+:[\w.~-]{{{SECRET_BYTES},}}", re.ASCII)
ORG = re.compile(r"00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?", re.ASCII)
KNOWN = {
    "style",
    "format",
    "mapper",
    "secrets",
    "enabled",
    "header",
    "encoding",
    "prefix",
    "timestamp_header",
    "org_id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One system that sends, and how it proves that it is itself.

    Attributes:
        style: How deliveries are signed, one of ``STYLES``.
        format: What is in them, one of ``FORMATS``.
        mapper: Name of the mapper.
        secrets: All of them are valid; at least one, or nothing is let in.
        public_keys: The same of Ed25519, for the style ``standard``; no secrets.
        header: Of the signature, for the style ``hmac``.
        encoding: Of that signature, ``hex`` or ``base64``.
        prefix: Before that signature, for example ``sha256=``.
        timestamp_header: With Unix seconds, signed as ``<timestamp>.<body>``; empty
            when the sender has none, and then an old delivery looks like a new one
            unless it is known.
        org_id: For the style ``salesforce``: the org that may send, 15 or 18
            characters; without it nothing is let in.
    """

    name: str
    style: str
    mapper: str
    secrets: tuple[bytes, ...] = field(repr=False)
    public_keys: tuple[bytes, ...] = ()
    format: str = PLAIN
    is_enabled: bool = True
    header: str = "X-Signature"
    encoding: str = "hex"
    prefix: str = ""
    timestamp_header: str = ""
    org_id: str = ""

    @property
    def may_send(self) -> bool:
        """Whether it is enabled, and can prove that it is itself."""
        is_known = bool(self.org_id) or self.style != SALESFORCE
        return self.is_enabled and is_known and self.keys > 0

    @property
    def keys(self) -> int:
        """How many secrets and public keys it may sign with."""
        return len(self.secrets) + len(self.public_keys)


def every() -> Mapping[str, Source]:
    """Return all sources by name, disabled ones, too.

    Raises:
        SourceSettingsError: A setting makes no sense.
    """
    return _parsed(json.dumps(settings.INGEST_SOURCES, sort_keys=True))


def named(name: str) -> Source:
    """Return the source called *name*, which may send.

    Raises:
        SourceSettingsError: A setting makes no sense.
        UnknownSourceError: There is none, it is disabled, or it has no secret or org.
    """
    found = every().get(name)
    if found is None or not found.may_send:
        raise UnknownSourceError(name)
    return found


def mapper_of(name: str) -> str:
    """Return the name of the mapper of a source, disabled or not.

    Raises:
        UnknownSourceError: There is no such source.
    """
    found = every().get(name)
    if found is None:
        raise UnknownSourceError(name)
    return found.mapper


@lru_cache(maxsize=8)
def _parsed(told: str) -> Mapping[str, Source]:
    wanted = json.loads(told)
    if not isinstance(wanted, dict):
        name = "the whole"
        problem = 'write an object, {"name": {…}}'
        raise SourceSettingsError(name, problem)
    return {name: _source(name, each) for name, each in wanted.items()}


def _source(name: str, told: Any) -> Source:
    if not NAME.fullmatch(name):
        problem = "use lower-case letters, digits, - and _ for the name"
        raise SourceSettingsError(name, problem)
    if not isinstance(told, dict) or told.keys() - KNOWN:
        problem = f"say only {', '.join(sorted(KNOWN))}"
        raise SourceSettingsError(name, problem)
    style = _one_of(name, told, "style", STYLES, STANDARD)
    keys = _secrets(name, told)
    public = [key for key in keys if style == STANDARD and key.startswith(PUBLIC)]
    formats = (PLAIN,) if style == SALESFORCE else FORMATS
    return Source(
        name=name,
        style=style,
        format=_one_of(name, told, "format", formats, PLAIN),
        mapper=_text(name, told, "mapper"),
        secrets=tuple(_secret(name, style, key) for key in keys if key not in public),
        public_keys=tuple(_public_key(name, key) for key in public),
        is_enabled=told.get("enabled", True) is True,
        header=_text(name, told, "header", "X-Signature"),
        encoding=_one_of(name, told, "encoding", ("hex", "base64"), "hex"),
        prefix=_text(name, told, "prefix", ""),
        timestamp_header=_text(name, told, "timestamp_header", ""),
        org_id=_org(name, told),
    )


def _org(name: str, told: dict[str, Any]) -> str:
    value = _text(name, told, "org_id", "")
    if value and not ORG.fullmatch(value):
        problem = "org_id must be 15 or 18 characters that begin with 00D"
        raise SourceSettingsError(name, problem)
    return value


def _text(name: str, told: dict[str, Any], key: str, default: str | None = None) -> str:
    value = told.get(key, default)
    if not isinstance(value, str):
        raise SourceSettingsError(name, f"{key} must be a text")
    return value


def _one_of(
    name: str, told: dict[str, Any], key: str, allowed: Sequence[str], default: str
) -> str:
    value = _text(name, told, key, default)
    if value not in allowed:
        raise SourceSettingsError(name, f"{key} must be one of {', '.join(allowed)}")
    return value


def _secrets(name: str, told: dict[str, Any]) -> list[str]:
    value = told.get("secrets", [])
    if not isinstance(value, list) or not all(isinstance(s, str) for s in value):
        problem = "secrets must be a list of texts"
        raise SourceSettingsError(name, problem)
    return value


def _public_key(name: str, text: str) -> bytes:
    try:
        raw = base64.b64decode(text.removeprefix(PUBLIC), validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != KEY_BYTES:
        problem = f"a key begins with {PUBLIC} and is not {KEY_BYTES} bytes in base64"
        raise SourceSettingsError(name, problem)
    return raw


def _secret(name: str, style: str, text: str) -> bytes:
    if text.startswith((PUBLIC, PRIVATE)):
        # As a secret, what everybody may know would let everybody in.
        problem = f"only {STANDARD} has keys of Ed25519, and only public ones, {PUBLIC}"
        raise SourceSettingsError(name, problem)
    raw = text.encode()
    if style == STANDARD and text.startswith(PREFIX):
        try:
            raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            problem = "a secret begins with whsec_ and is no base64"
            raise SourceSettingsError(name, problem) from None
    if style == SALESFORCE and not LOGIN.fullmatch(text):
        problem = (
            "write a secret as name:password, both of letters, digits, - . _ ~ alone,"
            f" the password of {SECRET_BYTES} characters or more"
        )
        raise SourceSettingsError(name, problem)
    if len(raw) < SECRET_BYTES:
        problem = f"a secret has fewer than {SECRET_BYTES} bytes"
        raise SourceSettingsError(name, problem)
    return raw
