"""manage.py discard_snapshots: deletes snapshots; nothing but time is lost."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from eventstore import snapshots
from eventstore.snapshot_projection import aggregates_with_snapshots


class Command(BaseCommand):
    """Deletes the snapshots of some streams, or of all."""

    help = "Delete snapshots; loading a stream then takes as long as its events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask whose."""
        parser.add_argument("streams", nargs="*", help="Whose; all when left out.")
        parser.add_argument(
            "--stale", action="store_true", help="Only those that other code took."
        )

    def handle(
        self,
        *args: Any,  # noqa: ARG002
        streams: list[str],
        stale: bool,
        **options: Any,  # noqa: ARG002
    ) -> None:
        """Print how many were deleted."""
        current = [
            snapshots.fingerprint(aggregate)
            for aggregate in aggregates_with_snapshots().values()
        ]
        count = snapshots.discard(*streams, except_of=current if stale else ())
        self.stdout.write(f"{count} snapshots discarded")
