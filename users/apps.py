"""The write side as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class UsersConfig(AppConfig):
    """People: commands, rules, events."""

    name = "users"
    verbose_name = "Users"

    def ready(self) -> None:
        """Register the check of the settings of Salesforce."""
        from users.sources.salesforce.checks import check_salesforce  # noqa: PLC0415

        checks.register(check_salesforce)
