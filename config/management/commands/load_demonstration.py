"""manage.py load_demonstration: real records and a few stories for an empty log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from config.demonstration import story
from eventstore.migrating import as_migrating_role


class Command(BaseCommand):
    """Loads the demonstration; running it again changes nothing."""

    help = "Load the demonstration; running it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Say what was done."""
        # History is written past the append function, which only the owner may do.
        with as_migrating_role():
            events = story.tell(timezone.now())
        done = f"{events} events loaded." if events else "Nothing to load."
        self.stdout.write(done)
