"""manage.py check_snapshots: compares snapshots with full folds."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from eventstore import snapshot_check
from eventstore.snapshot_check import SAMPLE


class Command(BaseCommand):
    """Compares a sample of snapshots, or all, with the fold of their whole streams."""

    help = "Compare snapshots with full folds; exit with 1 and name those that differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer to compare all."""
        parser.add_argument(
            "--all",
            action="store_true",
            help=f"Compare every snapshot, not a sample of {SAMPLE}.",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Print how many were compared.

        Raises:
            CommandError: Some differ; it names them.
        """
        compared, wrong = 0, []
        for name, is_right in snapshot_check.compare(
            size=None if options["all"] else SAMPLE
        ):
            compared += 1
            if not is_right:
                wrong.append(name)
        if wrong:
            names = "\n".join(wrong)
            message = f"{len(wrong)} of {compared} snapshots differ:\n{names}"
            raise CommandError(message)
        self.stdout.write(f"{compared} snapshots compared, none differs")
