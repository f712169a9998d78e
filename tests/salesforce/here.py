"""The settings of a test that has an org of its own: quick, patient, unlimited."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from tests.salesforce.answers import Salesforce
from users.sources.salesforce.options import Options, options


def told(org: Salesforce, **changes: Any) -> Options:
    """Return options that lead to *org*."""
    return options(
        **{name.lower(): value for name, value in SET.items()} | at(org) | changes
    )


def at(org: Salesforce) -> dict[str, Any]:
    return {"login_url": org.url}


def point_at(org: Salesforce, **changes: Any) -> dict[str, Any]:
    """Return the setting ``SALESFORCE`` that leads to *org*."""
    return settings.SALESFORCE | SET | {"LOGIN_URL": org.url} | changes


SET: dict[str, Any] = {
    "ENABLED": True,
    "CLIENT_ID": "3MVG9consumer",
    "CLIENT_SECRET": "the-consumer-secret",
    "USERNAME": "annals@example.com",
    "READ_TIMEOUT": 0.5,
    "REQUEST_DEADLINE": 1.0,
    "BACKOFF_BASE": 0.01,
    "BACKOFF_CAP": 0.02,
    "STATUS_FIELD": "Status__c",
    "STATUS_MAP": {"Active": "active", "On hold": "suspended", "Gone": "deactivated"},
    "FIELD_OWNERS": {
        "name": "salesforce",
        "email": "salesforce",
        "status": "salesforce",
    },
}
