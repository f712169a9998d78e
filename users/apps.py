"""The write side as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class UsersConfig(AppConfig):
    """People: commands, rules, events."""

    name = "users"
    verbose_name = "Users"

    def ready(self) -> None:
        """Register what Salesforce checks, owns and forgets."""
        from eventstore import erasure  # noqa: PLC0415
        from users import owners  # noqa: PLC0415
        from users.sources.salesforce import rehearsals  # noqa: PLC0415
        from users.sources.salesforce.checks import (  # noqa: PLC0415
            check_messages,
            check_salesforce,
        )
        from users.sources.salesforce.owning import OWNER  # noqa: PLC0415

        checks.register(check_salesforce)
        checks.register(check_messages, deploy=True)
        owners.register(OWNER)
        erasure.register(rehearsals.forget)
