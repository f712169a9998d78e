"""Whether the settings of Salesforce can be meant; asked by ``manage.py check``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from math import inf
from typing import Any

from django.core import checks

from eventstore.events import SALESFORCE
from eventstore.intake import sources
from eventstore.intake.errors import SourceSettingsError
from users.sources.salesforce import soql, translate
from users.sources.salesforce.errors import UnsafeAddressError
from users.sources.salesforce.hints import HINTS
from users.sources.salesforce.options import (
    Options,
    options,
    private_key,
    safe_address,
)
from users.sources.salesforce.ownership import OnDelete, Owner
from users.values import SETTABLE_STATUSES

NEEDED = {
    "client_credentials": ("client_id", "client_secret"),
    "jwt": ("client_id", "username", "private_key"),
}
OLDEST_VERSION = 58.0  # of the API
ABOVE_ZERO = (
    *("page_size", "bulk_page_size", "max_tries", "lease_seconds", "stale_after"),
    *("connect_timeout", "read_timeout", "request_deadline"),
    *("max_api_share_run", "max_api_share_org"),
)
NOT_NEGATIVE = (
    *("bulk_threshold", "bulk_poll_seconds", "overlap_seconds", "safety_lag_seconds"),
    *("backoff_base", "backoff_cap", "slice_seconds", "hint_seconds", "most_behind"),
    *("brake_min", "brake_ratio", "absent_ratio", "quarantine_ratio"),
)
SHARES = (
    *("max_api_share_run", "max_api_share_org"),
    *("brake_ratio", "absent_ratio", "quarantine_ratio"),
)


def check_salesforce(**_: Any) -> list[checks.CheckMessage]:
    """Refuse settings that cannot work, or would send credentials in clear."""
    told = options()
    if not told.enabled:
        return []
    return [
        checks.Error(text, id=f"salesforce.{code}") for code, text in _problems(told)
    ]


def check_messages(**_: Any) -> list[checks.CheckMessage]:
    """Refuse sources of outbound messages that would lead to nothing."""
    try:
        known = sources.every()
    except SourceSettingsError:
        return []  # the intake's own check says so
    mine = [
        each
        for each in known.values()
        if each.is_enabled and each.style == sources.SALESFORCE
    ]
    found: list[checks.CheckMessage] = []
    if SALESFORCE in known:
        text = f"INGEST_SOURCES names a source {SALESFORCE}, as our own readings are."
        hint = "Give it another name: what each said would be taken for the other's."
        found.append(checks.Error(text, hint=hint, id="salesforce.source"))
    for each in mine:
        if each.mapper != HINTS.name:
            text = f"The source {each.name} sends outbound messages."
            hint = f'Give it the mapper "{HINTS.name}".'
            found.append(checks.Error(text, hint=hint, id="salesforce.messages"))
    if mine and not options().enabled:
        text = "Salesforce may tell what changed, and nobody will read it there."
        hint = "Set SALESFORCE_ENABLED, or say enabled: false of the source."
        found.append(checks.Warning(text, hint=hint, id="salesforce.unread"))
    return found


def _problems(told: Options) -> Iterator[tuple[str, str]]:
    try:
        safe_address(told.login_url)
    except UnsafeAddressError as error:
        yield "address", f"SALESFORCE_LOGIN_URL: {error}"
    if told.auth not in NEEDED:
        yield "auth", f"SALESFORCE_AUTH is none of {', '.join(NEEDED)}."
    yield from _credentials(told)
    yield from _values(told)
    yield from _names(told)
    yield from _numbers(told)


def _credentials(told: Options) -> Iterator[tuple[str, str]]:
    for name in NEEDED.get(told.auth, ()):
        is_in_file = name == "private_key" and told.private_key_file
        if not getattr(told, name) and not is_in_file:
            yield "credentials", f"SALESFORCE_{name.upper()} is needed to log in."
    if told.private_key and told.private_key_file:
        text = "Set SALESFORCE_PRIVATE_KEY or SALESFORCE_PRIVATE_KEY_FILE, not both."
        yield "credentials", text
    elif told.auth == "jwt":
        try:
            private_key(told)
        except (OSError, UnicodeDecodeError) as error:
            reason = type(error).__name__  # no more: an error may quote what it read
            yield "credentials", f"SALESFORCE_PRIVATE_KEY_FILE: {reason}."


def _values(told: Options) -> Iterator[tuple[str, str]]:
    if told.on_delete not in set(OnDelete):
        yield "on_delete", f"SALESFORCE_ON_DELETE is none of {', '.join(OnDelete)}."
    for attribute, owner in told.field_owners.items():
        if attribute not in translate.ATTRIBUTES or owner not in set(Owner):
            yield "owner", f"SALESFORCE_FIELD_OWNERS: {attribute}={owner} is unknown."
    for theirs, ours in told.status_map.items():
        if ours not in SETTABLE_STATUSES:
            yield "status", f"SALESFORCE_STATUS_MAP: {theirs}={ours} is no status."


def _names(told: Options) -> Iterator[tuple[str, str]]:
    known = {*translate.REQUIRED, *translate.OPTIONAL, translate.status_field(told)}
    if told.external_id_field and told.external_id_field in known:
        yield "name", "SALESFORCE_EXTERNAL_ID_FIELD is read for something else already."
    names = (told.sobject, told.status_field, told.external_id_field)
    for text in filter(None, names):
        with contextlib.suppress(ValueError):
            soql.name(text)
            continue
        yield "name", f"{text!r} is not the name of an object or a field."
    try:
        soql.condition(told.where)
    except ValueError as error:
        yield "where", f"SALESFORCE_WHERE: {error}."
    version = told.api_version
    if not version.replace(".", "", 1).isdecimal() or float(version) < OLDEST_VERSION:
        yield "version", f"SALESFORCE_API_VERSION is {OLDEST_VERSION} or newer."


def _numbers(told: Options) -> Iterator[tuple[str, str]]:
    for names, lowest, highest, what in (
        (ABOVE_ZERO, sys.float_info.min, inf, "above 0"),
        (NOT_NEGATIVE, 0, inf, "0 or more"),
        (SHARES, -inf, 1, "a share of 1"),
    ):
        for name in names:
            number = getattr(told, name)
            if not lowest <= number <= highest:  # a NaN is nowhere between them
                yield "number", f"SALESFORCE_{name.upper()} is {number}, not {what}."
