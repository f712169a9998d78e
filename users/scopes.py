"""What an API token may do, in the words that clients and documents use."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One thing that a token may do; nothing else is implied by it."""

    USERS_READ = "users:read"  # search users, read one, now or in the past
    USERS_WRITE = "users:write"  # issue commands on users
    USERS_ERASE = "users:erase"  # erase a user's personal data
    EVENTS_READ = "events:read"  # read the log across users
    SALESFORCE_READ = "salesforce:read"  # see runs over Salesforce
    SALESFORCE_RUN = "salesforce:run"  # start, pause, resume and cancel them
    SALESFORCE_APPROVE = "salesforce:approve"  # let a run deactivate many people
    METRICS_READ = "metrics:read"  # read /metrics
    PERSONAL_READ = "personal:read"  # see names, addresses and reasons unmasked


ALL = frozenset(Scope)
