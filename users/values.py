"""Names, e-mail addresses and reasons: what is acceptable, and how two compare."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    ValidatedEmail,
    validate_email,
)

from eventstore.events import INTAKE, SALESFORCE
from eventstore.wording import worded
from users.errors import InvalidValueError

# Sources that act by themselves, with people who knew us before Annals did.
BACKFILL_SOURCES = frozenset({SALESFORCE})
# All that act by themselves: they bring nobody back who was erased.
UNATTENDED_SOURCES = BACKFILL_SOURCES | {INTAKE}

NAME_LENGTH = 200  # characters
REASON_LENGTH = 500  # characters
EMAIL_LENGTH = 254  # characters, RFC 5321
# Salesforce sandboxes append ".invalid" to every address they copy.
SPECIAL_USE_DOMAIN_NAMES.remove("invalid")
LOCAL_LENGTH = 64  # characters before the @, RFC 5321
# Most addresses are of this form, and checked in a fiftieth of the time.
PLAIN_ADDRESS = re.compile(
    r"(?P<local>[a-zA-Z0-9_+-]+(\.[a-zA-Z0-9_+-]+)*)@(?P<domain>([a-z0-9]+\.)+[a-z]+)"
)
JOINERS = "\u200c\u200d"  # needed to write some names
# Control, invisible, the separators of lines and paragraphs; private and unassigned.
UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
UNKNOWN_CATEGORIES = frozenset({"Cn", "Co"})
# Letters, marks and symbols that show nothing: fillers, empty Braille, selectors.
BLANK = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u200c\u200d\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\U0001d159\U000e0100-\U000e01ef"
)
VISIBLE = re.compile(rf"[^\s{BLANK}]")
# Alphabets whose letters are taken for each other's; a label of a domain has one.
LOOKALIKES = frozenset({"ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "GREEK", "LATIN"})


class Status(StrEnum):
    """Whether a person may use the service."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    ERASED = "erased"  # for good; nothing leads out of it


# What a command may ask for; erasing is a command of its own.
SETTABLE_STATUSES = (Status.ACTIVE, Status.SUSPENDED, Status.DEACTIVATED)


class ErasureGround(StrEnum):
    """Why a person is erased."""

    REQUEST = "request"  # the person asked for it
    RETENTION = "retention"  # we may keep it no longer
    UNLAWFUL = "unlawful"  # we should never have had it


def person_name(raw: str) -> str:
    """Return *raw* in normal form C and trimmed.

    Raises:
        InvalidValueError: It is empty, too long, holds characters that no text may
            hold, or none that can be seen.
    """
    name = _text("name", raw, NAME_LENGTH)
    if not VISIBLE.search(name):
        field = "name"
        raise InvalidValueError(field, worded("Enter a name."))
    return name


def reason(raw: str) -> str:
    """Return *raw* in normal form C and trimmed; it may be empty.

    Raises:
        InvalidValueError: It is too long, or holds characters that no text may hold.
    """
    return _text("reason", raw, REASON_LENGTH)


def needed_reason(raw: str) -> str:
    """Return *raw* as :func:`reason`, of what cannot go unexplained.

    Raises:
        InvalidValueError: It is not acceptable, or empty.
    """
    text = reason(raw)
    if not text:
        field = "reason"
        advice = worded("Say why: the reason is kept in the log.")
        raise InvalidValueError(field, advice)
    return text


def email_address(raw: str) -> str:
    """Return *raw* in normal form C and trimmed, otherwise as written.

    Raises:
        InvalidValueError: It is not an address (RFC 5322 syntax, IDNA domain), or one
            that is made to be taken for another.
    """
    address = _text("email", raw, EMAIL_LENGTH)
    if not _is_plain(address):
        _refuse_mixture(_parsed(address).domain)
    return address


def comparison_form(address: str) -> str:
    """Return the form in which two addresses are the same: case folded, IDNA domain."""
    if _is_plain(address):
        return address.lower()
    parsed = _parsed(address)
    local = unicodedata.normalize("NFC", parsed.local_part.casefold())
    return f"{local}@{(parsed.ascii_domain or parsed.domain).casefold()}"


def _is_plain(address: str) -> bool:
    found = PLAIN_ADDRESS.fullmatch(address)
    return (
        found is not None
        and len(found["local"]) <= LOCAL_LENGTH
        and _is_domain(found["domain"])
    )


@lru_cache(maxsize=4_096)
def _is_domain(name: str) -> bool:
    try:
        _parsed(f"a@{name}")
    except InvalidValueError:
        return False
    return True


def _parsed(address: str) -> ValidatedEmail:
    field = "email"
    try:
        return validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise InvalidValueError(
            field, worded("Enter a valid e-mail address.")
        ) from None


def _refuse_mixture(domain: str) -> None:
    # Not in _parsed: addresses recorded before stay comparable.
    if any(len(_alphabets(label) & LOOKALIKES) > 1 for label in domain.split(".")):
        field = "email"
        advice = worded("Use letters of one alphabet in each part of the domain.")
        raise InvalidValueError(field, advice)


def _alphabets(label: str) -> set[str]:
    # The first word of a letter's name is its script; Unicode keeps names for ever.
    names = [unicodedata.name(each, "") for each in label if each.isalpha()]
    return {name.partition(" ")[0] for name in names}


def _text(field: str, raw: str, longest: int) -> str:
    try:
        text = unicodedata.normalize("NFC", raw).strip()
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValueError(
            field, worded("Remove the broken characters.")
        ) from None
    if len(text) > longest:
        advice = worded("Use at most {longest} characters.", longest=longest)
        raise InvalidValueError(field, advice)
    if text.isascii() and text.isprintable():
        return text  # nearly all are, and need no look at each character
    categories = {unicodedata.category(each) for each in text if each not in JOINERS}
    if categories & UNSEEN_CATEGORIES:
        advice = worded("Remove control and invisible characters.")
        raise InvalidValueError(field, advice)
    if categories & UNKNOWN_CATEGORIES:
        advice = worded("Remove private and unassigned characters.")
        raise InvalidValueError(field, advice)
    return text
