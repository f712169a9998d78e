"""manage.py rebuild_claims: e-mail claims as the log implies them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from eventstore.errors import EventStoreError
from users import claims

DIFFERS = 1
COULD_NOT_RUN = 2
SHOWN = 20  # streams named in the message


class Command(BaseCommand):
    """Takes and releases claims until they say what the log says."""

    help = "Make the e-mail claims what the log implies; run it after import_events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask whether to write."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="Write nothing; exit with 1 when claims and log disagree.",
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:  # noqa: ARG002
        """Rebuild, and name the users who share an address with another."""
        try:
            rebuilt = claims.rebuild(dry_run=check)
        except (DatabaseError, InterfaceError) as error:
            message = f"the database did not do its part: {error}"
            raise CommandError(message, returncode=COULD_NOT_RUN) from error
        except EventStoreError as error:
            raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
        self.stdout.write(
            f"{rebuilt.taken:,} claims taken, {rebuilt.released:,} released"
            + (" (only told, not written)" if check else "")
        )
        if rebuilt.conflicts:
            shown = ", ".join(rebuilt.conflicts[:SHOWN])
            count = len(rebuilt.conflicts)
            message = f"{count:,} users have an address that another one holds: {shown}"
            raise CommandError(message, returncode=DIFFERS)
        if check and not rebuilt.agrees:
            message = "claims and log disagree: run manage.py rebuild_claims"
            raise CommandError(message, returncode=DIFFERS)
