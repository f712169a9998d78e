"""A Django system check: the exceptions of webhooks are networks."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error


def networks_are_networks(**_options: Any) -> list[CheckMessage]:
    """Return an error for each of ``WEBHOOK_ALLOWED_NETWORKS`` that is none."""
    return [
        Error(
            f"WEBHOOK_ALLOWED_NETWORKS: {text!r} is no network.",
            hint="Write it with the bits of the host zero, such as 10.20.0.0/16.",
            id="eventstore.E020",
        )
        for text in settings.WEBHOOK_ALLOWED_NETWORKS
        if not _is_network(text)
    ]


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
