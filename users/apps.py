"""The write side as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class UsersConfig(AppConfig):
    """People: commands, rules, events."""

    name = "users"
    verbose_name = "Users"

    def ready(self) -> None:
        """Register the checks of the settings of Salesforce, and what it owns."""
        from users import owners  # noqa: PLC0415
        from users.sources.salesforce.checks import (  # noqa: PLC0415
            check_messages,
            check_salesforce,
        )
        from users.sources.salesforce.owning import OWNER  # noqa: PLC0415

        checks.register(check_salesforce)
        checks.register(check_messages, deploy=True)
        owners.register(OWNER)
