"""manage.py load_demonstration: real records and a few stories for an empty log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.demonstration import story


class Command(BaseCommand):
    """Loads the demonstration; running it again changes nothing."""

    help = "Load the demonstration; running it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Say what was done."""
        commands = story.tell()
        done = f"{commands} commands carried out." if commands else "Nothing to load."
        self.stdout.write(done)
