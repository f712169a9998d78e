"""manage.py reapply_erasures: after a restore, erase again who was erased."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from eventstore import erasure
from eventstore.archive.console import could_not_run


class Command(BaseCommand):
    """Destroys the keys that an older copy of the vault brought back."""

    help = "Erase again everybody whom the log says is erased; again changes nothing."
    requires_system_checks = ()  # the check that fails is what this mends

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Print how many there were."""
        with could_not_run():
            count = erasure.reapply()
        self.stdout.write(f"{count:,} erasures applied again.")
