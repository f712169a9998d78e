"""manage.py rebuild_approvals: what waits for a second person, anew from the log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from eventstore.approvals import keeping


class Command(BaseCommand):
    """Replaces the table of approvals by the fold of their events."""

    help = "Make the approvals anew from the log, after an import; safe at any time."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Print how many there are."""
        self.stdout.write(f"{keeping.rebuild()} approvals")
