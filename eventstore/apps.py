"""The event store as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class EventStoreConfig(AppConfig):
    """Registers every event type by loading the subscriptions once, and the checks."""

    name = "eventstore"
    verbose_name = "Event store"

    def ready(self) -> None:
        """Load the subscriptions, so that every process can decode every event."""
        from eventstore import guard, privacy_checks  # noqa: PLC0415
        from eventstore.approvals import keeping as _approvals  # noqa: F401, PLC0415
        from eventstore.checks import register_checks  # noqa: PLC0415
        from eventstore.exports import models as _exports  # noqa: F401, PLC0415
        from eventstore.intake import checks as intake_checks  # noqa: PLC0415
        from eventstore.intake import models as _records  # noqa: F401, PLC0415
        from eventstore.saved_views import keeping as _views  # noqa: F401, PLC0415
        from eventstore.subscriptions import all_subscriptions  # noqa: PLC0415
        from eventstore.webhooks import models as _endpoints  # noqa: F401, PLC0415
        from eventstore.webhooks.checks import networks_are_networks  # noqa: PLC0415

        all_subscriptions()
        register_checks()
        privacy_checks.register_checks()
        intake_checks.register_checks()
        checks.register(networks_are_networks)
        checks.register(guard.check_guard, checks.Tags.database)
        checks.register(guard.check_guard_for_deployment, deploy=True)
