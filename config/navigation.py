"""The side bar: what a person may see, in three groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One page of the side bar.

    Attributes:
        url_name: Name in the admin's namespace.
        permissions: Any of them opens the page; none is needed when empty.
        icon: Name of a symbol in ``admin/icons.html``.
    """

    label: Any
    url_name: str
    permissions: tuple[str, ...]
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One entry for one request."""

    label: Any
    url: str
    icon: str
    is_current: bool


GROUPS: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    (
        gettext_lazy("Monitor"),
        (
            Entry(
                label=gettext_lazy("Dashboard"),
                url_name="index",
                permissions=(),
                icon="dashboard",
            ),
            Entry(
                label=gettext_lazy("Events"),
                url_name="events",
                permissions=("eventstore.view_storedevent",),
                icon="events",
            ),
            Entry(
                label=gettext_lazy("Streams"),
                url_name="streams",
                permissions=("eventstore.view_storedevent",),
                icon="streams",
            ),
            Entry(
                label=gettext_lazy("Subscriptions"),
                url_name="subscriptions",
                permissions=("eventstore.view_checkpoint",),
                icon="subscriptions",
            ),
            Entry(
                label=gettext_lazy("Dead letters"),
                url_name="dead_letters",
                permissions=("eventstore.view_deadletter",),
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
                permissions=("projections.view_directoryentry",),
                icon="users",
            ),
        ),
    ),
    (
        gettext_lazy("Operate"),
        (
            Entry(
                label=gettext_lazy("Reprocess"),
                url_name="reprocess_runs",
                permissions=("projections.reprocess",),
                icon="reprocess",
            ),
            Entry(
                label=gettext_lazy("Webhooks"),
                url_name="webhooks",
                permissions=("eventstore.view_webhookendpoint",),
                icon="webhooks",
            ),
            Entry(
                label=gettext_lazy("Raw inbox"),
                url_name="raw_records",
                permissions=("eventstore.view_rawrecord",),
                icon="inbox",
            ),
            Entry(
                label=gettext_lazy("Quarantine"),
                url_name="record_quarantine",
                permissions=("eventstore.view_rawrecord",),
                icon="quarantine",
            ),
            Entry(
                label=gettext_lazy("Salesforce"),
                url_name="salesforce_runs",
                permissions=("users.view_salesforcerun",),
                icon="salesforce",
            ),
            Entry(
                label=gettext_lazy("Conflicts"),
                url_name="salesforce_conflicts",
                permissions=("users.view_salesforceconflict",),
                icon="conflicts",
            ),
            Entry(
                label=gettext_lazy("Schedules"),
                url_name="django_celery_beat_periodictask_changelist",
                permissions=(
                    "django_celery_beat.view_periodictask",
                    "django_celery_beat.change_periodictask",
                ),
                icon="schedules",
            ),
            Entry(
                label=gettext_lazy("API tokens"),
                url_name="tokens",
                permissions=("users.view_apitoken",),
                icon="tokens",
            ),
            Entry(
                label=gettext_lazy("Staff"),
                url_name="auth_user_changelist",
                permissions=("auth.view_user", "auth.change_user"),
                icon="staff",
            ),
        ),
    ),
)


def groups(request: HttpRequest) -> Iterator[tuple[Any, list[Link]]]:
    """Yield the groups that hold something the person behind *request* may see."""
    for label, entries in GROUPS:
        links = [_link(request, entry) for entry in entries if _may_see(request, entry)]
        if links:
            yield label, links


def _may_see(request: HttpRequest, entry: Entry) -> bool:
    needed = entry.permissions
    return not needed or any(request.user.has_perm(each) for each in needed)


def _link(request: HttpRequest, entry: Entry) -> Link:
    url = reverse(f"admin:{entry.url_name}")
    is_index = entry.url_name == "index"
    return Link(
        label=entry.label,
        url=url,
        icon=entry.icon,
        is_current=request.path == url
        or (not is_index and request.path.startswith(url)),
    )
