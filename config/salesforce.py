"""Settings of the Salesforce org whose people come to us; off until it is enabled."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import environ

__all__ = ["SALESFORCE"]

env = environ.Env()

_SET: dict[str, Any] = {
    "ENABLED": env.bool("SALESFORCE_ENABLED", default=False),
    # Who we are there: docs/how-to/connect-salesforce.md.
    "LOGIN_URL": env.str("SALESFORCE_LOGIN_URL", default=""),
    "AUTH": env.str("SALESFORCE_AUTH", default="client_credentials"),
    "CLIENT_ID": env.str("SALESFORCE_CLIENT_ID", default=""),
    "CLIENT_SECRET": env.str("SALESFORCE_CLIENT_SECRET", default=""),
    "USERNAME": env.str("SALESFORCE_USERNAME", default=""),
    "PRIVATE_KEY": env.str("SALESFORCE_PRIVATE_KEY", default="", multiline=True),
    "PRIVATE_KEY_FILE": env.str("SALESFORCE_PRIVATE_KEY_FILE", default=""),
    "API_VERSION": env.str("SALESFORCE_API_VERSION", default="60.0"),
    # Who is a user, and who owns what of them.
    "SOBJECT": env.str("SALESFORCE_SOBJECT", default="Contact"),
    "WHERE": env.str("SALESFORCE_WHERE", default=""),
    "STATUS_FIELD": env.str("SALESFORCE_STATUS_FIELD", default=""),
    "STATUS_MAP": env.dict("SALESFORCE_STATUS_MAP", default={}),
    "FIELD_OWNERS": env.dict(
        "SALESFORCE_FIELD_OWNERS",
        default={"name": "newest", "email": "manual", "status": "local"},
    ),
    "EXTERNAL_ID_FIELD": env.str("SALESFORCE_EXTERNAL_ID_FIELD", default=""),
    "MATCH_BY_EMAIL": env.bool("SALESFORCE_MATCH_BY_EMAIL", default=True),
    "ON_DELETE": env.str("SALESFORCE_ON_DELETE", default="deactivate"),
    # How it is read; seconds, and shares of 1.
    "PAGE_SIZE": env.int("SALESFORCE_PAGE_SIZE", default=2000),
    "BULK_THRESHOLD": env.int("SALESFORCE_BULK_THRESHOLD", default=10000),
    "BULK_PAGE_SIZE": env.int("SALESFORCE_BULK_PAGE_SIZE", default=5000),
    "BULK_POLL_SECONDS": env.float("SALESFORCE_BULK_POLL_SECONDS", default=2.0),
    "OVERLAP_SECONDS": env.int("SALESFORCE_OVERLAP_SECONDS", default=600),
    "SAFETY_LAG_SECONDS": env.int("SALESFORCE_SAFETY_LAG_SECONDS", default=300),
    "CONNECT_TIMEOUT": env.float("SALESFORCE_CONNECT_TIMEOUT", default=5.0),
    "READ_TIMEOUT": env.float("SALESFORCE_READ_TIMEOUT", default=60.0),
    "REQUEST_DEADLINE": env.float("SALESFORCE_REQUEST_DEADLINE", default=900.0),
    "MAX_TRIES": env.int("SALESFORCE_MAX_TRIES", default=6),
    "BACKOFF_BASE": env.float("SALESFORCE_BACKOFF_BASE", default=1.0),
    "BACKOFF_CAP": env.float("SALESFORCE_BACKOFF_CAP", default=60.0),
    "MAX_API_SHARE_RUN": env.float("SALESFORCE_MAX_API_SHARE_RUN", default=0.25),
    "MAX_API_SHARE_ORG": env.float("SALESFORCE_MAX_API_SHARE_ORG", default=0.8),
    # When a human is asked.
    "BRAKE_MIN": env.int("SALESFORCE_BRAKE_MIN", default=50),
    "BRAKE_RATIO": env.float("SALESFORCE_BRAKE_RATIO", default=0.02),
    "ABSENT_RATIO": env.float("SALESFORCE_ABSENT_RATIO", default=0.01),
    "QUARANTINE_RATIO": env.float("SALESFORCE_QUARANTINE_RATIO", default=0.01),
    "STALE_AFTER": env.int("SALESFORCE_STALE_AFTER", default=1800),
    "LEASE_SECONDS": env.int("SALESFORCE_LEASE_SECONDS", default=60),
    "SLICE_SECONDS": env.float("SALESFORCE_SLICE_SECONDS", default=45.0),
    "HINT_SECONDS": env.int("SALESFORCE_HINT_SECONDS", default=30),
    "MOST_BEHIND": env.int("SALESFORCE_MOST_BEHIND", default=50000),
}

# Nobody changes it in passing: a test would change it for those that follow.
SALESFORCE: MappingProxyType[str, Any] = MappingProxyType(_SET)
