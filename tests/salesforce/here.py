"""The settings of a test that has an org of its own: quick, patient, unlimited."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings

from eventstore import repository, store
from eventstore.circumstances import acting
from eventstore.events import SYSTEM, RecordedEvent
from tests.salesforce.answers import Salesforce
from users.aggregate import USER
from users.models import SalesforceLink, SalesforceRun
from users.sources.salesforce import backfill, runs
from users.sources.salesforce.options import Options, options
from users.sources.salesforce.run_state import Mode


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
    "BULK_POLL_SECONDS": 0.01,
    "STATUS_FIELD": "Status__c",
    "STATUS_MAP": {"Active": "active", "On hold": "suspended", "Gone": "deactivated"},
    "FIELD_OWNERS": {
        "name": "salesforce",
        "email": "salesforce",
        "status": "salesforce",
    },
}


def run(mode: Mode = Mode.FULL, **changes: Any) -> SalesforceRun:
    """Start a run as the schedule does, work until nothing is left, return it."""
    with acting(actor="system:tests", source=SYSTEM, correlation_id=uuid4()):
        started = runs.start(mode, **changes)
    return finish(started)


def finish(started: SalesforceRun) -> SalesforceRun:
    """Work at a run until nothing is left to do now, and return it."""
    while backfill.work(started.run_id):
        pass
    return runs.find(started.run_id)


def truth(org: Salesforce) -> dict[str, tuple[str, str, str]]:
    """Return what the org says of its Contacts: name, e-mail, status."""
    found = {}
    for each in org.org.snapshot("Contact"):
        first, last = each["FirstName"] or "", each["LastName"] or ""
        mapped = SET["STATUS_MAP"].get(each["Status__c"], "active")
        status = "deactivated" if each["IsDeleted"] else mapped
        found[each["Id"]] = (f"{first} {last}".strip(), each["Email"], status)
    return found


def ours() -> dict[str, tuple[str, str, str]]:
    """Return what we say of every record that is linked: name, e-mail, status."""
    users = {link.sf_id: link.user_id for link in SalesforceLink.objects.all()}
    loaded = repository.load_many(USER, users.values())
    return {
        sf_id: (user.name, user.email, str(user.status))
        for sf_id, user_id in users.items()
        if (user := loaded[user_id].state)
    }


def log(*types: type) -> list[RecordedEvent]:
    """Return every event of the log, or those of some types."""
    found = store.read_all(after=0, until=2**62, buckets=range(16), limit=1_000_000)
    events = [event for _, event in found]
    return [each for each in events if not types or isinstance(each.payload, types)]


def users_changed() -> list[RecordedEvent]:
    """Return the events of users."""
    return [event for event in log() if event.category == "user"]
