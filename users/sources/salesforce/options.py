"""What an installation says about its org: ``SALESFORCE_*``, read once a use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from users.sources.salesforce.errors import UnsafeAddressError

LOOPBACK = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings, by the names of docs/reference/settings.md without the prefix.

    Durations are seconds, shares are of 1.  Secrets are left out of ``repr``.
    """

    enabled: bool
    login_url: str
    auth: str
    client_id: str
    client_secret: str = field(repr=False)
    username: str
    private_key: str = field(repr=False)
    private_key_file: str
    api_version: str
    sobject: str
    where: str
    field_owners: Mapping[str, str]
    status_map: Mapping[str, str]
    status_field: str
    external_id_field: str
    match_by_email: bool
    on_delete: str
    page_size: int
    bulk_threshold: int
    bulk_page_size: int
    bulk_poll_seconds: float
    overlap_seconds: int
    safety_lag_seconds: int
    connect_timeout: float
    read_timeout: float
    request_deadline: float
    max_tries: int
    backoff_base: float
    backoff_cap: float
    max_api_share_run: float
    max_api_share_org: float
    brake_min: int
    brake_ratio: float
    absent_ratio: float
    quarantine_ratio: float
    lease_seconds: int
    slice_seconds: float
    hint_seconds: int
    most_behind: int
    stale_after: int


def options(**changes: Any) -> Options:
    """Return what is set; *changes* win."""
    known = {name.lower(): value for name, value in settings.SALESFORCE.items()}
    return Options(**known | changes)


def private_key(told: Options) -> str:
    """Return the key that signs assertions, from its file where one is named.

    Raises:
        OSError, UnicodeDecodeError: The file cannot be read.
    """
    if told.private_key_file:
        return Path(told.private_key_file).read_text(encoding="utf-8")
    return told.private_key


def safe_address(url: str) -> str:
    """Return *url* without a slash at its end, verbatim otherwise.

    Raises:
        UnsafeAddressError: It is plain http, and does not lead to this machine.
    """
    if not url.startswith(("https://", *LOOPBACK)):
        raise UnsafeAddressError
    return url.rstrip("/")
