"""The side bar: what a person may see, in three groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext

from config import access, troubles
from projections.admin.approvals import ACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One page of the side bar.

    Attributes:
        url_name: Name in the admin's namespace.
        icon: Name of a symbol in ``admin/icons.html``.
    """

    label: Any
    url_name: str
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many of what a page lists want somebody.

    Attributes:
        said: The number in words.
        is_bad: Whether it is red; else amber.
    """

    number: int
    said: str
    is_bad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One entry for one request."""

    label: Any
    url: str
    icon: str
    is_current: bool
    count: Count | None


GROUPS: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    (
        gettext_lazy("Monitor"),
        (
            Entry(
                label=gettext_lazy("Dashboard"),
                url_name="index",
                icon="dashboard",
            ),
            Entry(
                label=gettext_lazy("Events"),
                url_name="events",
                icon="events",
            ),
            Entry(
                label=gettext_lazy("Streams"),
                url_name="streams",
                icon="streams",
            ),
            Entry(
                label=gettext_lazy("Subscriptions"),
                url_name="subscriptions",
                icon="subscriptions",
            ),
            Entry(
                label=gettext_lazy("Dead letters"),
                url_name="dead_letters",
                icon="letters",
            ),
        ),
    ),
    (
        gettext_lazy("People"),
        (
            Entry(
                label=gettext_lazy("Users"),
                url_name="users",
                icon="users",
            ),
        ),
    ),
    (
        gettext_lazy("Operate"),
        (
            Entry(
                label=gettext_lazy("Approvals"),
                url_name="approvals",
                icon="approvals",
            ),
            Entry(
                label=gettext_lazy("Reprocess"),
                url_name="reprocess_runs",
                icon="reprocess",
            ),
            Entry(
                label=gettext_lazy("Webhooks"),
                url_name="webhooks",
                icon="webhooks",
            ),
            Entry(
                label=gettext_lazy("Raw inbox"),
                url_name="raw_records",
                icon="inbox",
            ),
            Entry(
                label=gettext_lazy("Quarantine"),
                url_name="record_quarantine",
                icon="quarantine",
            ),
            Entry(
                label=gettext_lazy("Salesforce"),
                url_name="salesforce_runs",
                icon="salesforce",
            ),
            Entry(
                label=gettext_lazy("Conflicts"),
                url_name="salesforce_conflicts",
                icon="conflicts",
            ),
            Entry(
                label=gettext_lazy("Schedules"),
                url_name="django_celery_beat_periodictask_changelist",
                icon="schedules",
            ),
            Entry(
                label=gettext_lazy("Exports"),
                url_name="exports",
                icon="exports",
            ),
            Entry(
                label=gettext_lazy("API tokens"),
                url_name="tokens",
                icon="tokens",
            ),
            Entry(
                label=gettext_lazy("Audit"),
                url_name="audit",
                icon="audit",
            ),
            Entry(
                label=gettext_lazy("Staff"),
                url_name="auth_user_changelist",
                icon="staff",
            ),
        ),
    ),
)


def groups(request: HttpRequest) -> Iterator[tuple[Any, list[Link]]]:
    """Yield the groups that hold something the person behind *request* may see."""
    for label, entries in GROUPS:
        links = [
            _link(request, entry)
            for entry in entries
            if access.may_open(request.user, entry.url_name) and _is_of_use(entry)
        ]
        if links:
            yield label, links


def _link(request: HttpRequest, entry: Entry) -> Link:
    url = reverse(f"admin:{entry.url_name}")
    is_index = entry.url_name == "index"
    return Link(
        label=entry.label,
        url=url,
        icon=entry.icon,
        is_current=request.path == url
        or (not is_index and request.path.startswith(url)),
        count=_count(entry.url_name, request.user),
    )


def _is_of_use(entry: Entry) -> bool:
    """Return whether there is anything behind *entry*, or could be."""
    if entry.url_name != "approvals" or settings.FOUR_EYES:
        return True
    return troubles.known().asked > 0


def _waiting_for(person: Any) -> int:
    """Return how much waits for a second person whom *person* may be."""
    return sum(
        number
        for (act, account), number in troubles.known().waiting.items()
        if account != person.pk
        and act in ACTS
        and person.has_perm(ACTS[act].permission)
    )


def _count(url_name: str, person: Any) -> Count | None:
    if url_name == "subscriptions":
        number = troubles.known().stuck
        said = ngettext(
            "{count} paused or failing", "{count} paused or failing", number
        )
    elif url_name == "dead_letters":
        number = troubles.known().letters
        said = ngettext("{count} dead letter", "{count} dead letters", number)
    elif url_name == "salesforce_runs":
        number = troubles.known().runs
        said = ngettext("{count} run waits", "{count} runs wait", number)
    elif url_name == "approvals":
        number = _waiting_for(person)
        said = ngettext("{count} waits for you", "{count} wait for you", number)
    else:
        return None
    is_bad = url_name == "dead_letters"
    said = said.format(count=number)
    return Count(number=number, said=said, is_bad=is_bad) if number else None
