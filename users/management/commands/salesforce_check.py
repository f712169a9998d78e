"""manage.py salesforce_check: whether Salesforce can be read, and was of late."""

from __future__ import annotations

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from eventstore.archive.console import COULD_NOT_RUN, REFUSED, could_not_run, counted
from users.sources.salesforce import schedule
from users.sources.salesforce.errors import SalesforceError
from users.sources.salesforce.schedule import Reached, Standing


class Command(BaseCommand):
    """Logs in, looks at fields and limits, and at how the runs stand."""

    help = "Test the connection to Salesforce; exits with 1 when something is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--json", action="store_true", help="one line of JSON for machines"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look, tell, and fail on what needs somebody."""
        try:
            with could_not_run():
                standing = schedule.standing()
            reached = schedule.reach()
        except SalesforceError as error:
            raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
        if options["json"]:
            known = dataclasses.asdict(standing) | dataclasses.asdict(reached)
            self.stdout.write(json.dumps(known, default=str))
        else:
            self._tell(reached, standing)
        troubles = [
            *(["no run succeeded of late"] if standing.is_stale else []),
            *(["the last run failed"] if standing.is_failing else []),
            *([_held(standing.held)] if standing.held else []),
        ]
        if troubles:
            raise CommandError("; ".join(troubles), returncode=REFUSED)

    def _tell(self, reached: Reached, standing: Standing) -> None:
        lines = [
            f"org {reached.org_id}",
            f"{reached.used:,} of {reached.most:,} requests used today",
            f"fields we may not see: {', '.join(reached.missing) or 'none'}",
            f"known up to {standing.watermark or 'never'}",
            f"last success {standing.last_success or 'never'}",
            f"conflicts that wait for somebody: {standing.conflicts:,}",
            f"records that wait to be read: {standing.hinted:,}",
            f"records that make no sense: {standing.quarantined:,}",
        ]
        self.stdout.write("\n".join(lines))


def _held(count: int) -> str:
    return f"{counted(count, 'run')} {'waits' if count == 1 else 'wait'} for somebody"
