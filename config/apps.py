"""The admin with our site, and config as an app so that it can carry commands."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.core.checks import CheckMessage, Error, register


class BackOfficeConfig(AdminConfig):
    """Django's admin, served by our site."""

    default_site = "config.admin.BackOfficeSite"


class WiringConfig(AppConfig):
    """Gives config its management commands."""

    name = "config"

    def ready(self) -> None:
        """Tell Django what a deployment must not lack."""
        register(a_second_factor_is_demanded, deploy=True)


def a_second_factor_is_demanded(**_options: Any) -> list[CheckMessage]:
    """Return an error where staff may log in with a password alone."""
    if settings.STAFF_SECOND_FACTOR:
        return []
    return [
        Error(
            "Staff may log in with a password alone.",
            hint="Set STAFF_SECOND_FACTOR=true.",
            id="config.E001",
        )
    ]
