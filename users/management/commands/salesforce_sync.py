"""manage.py salesforce_sync: one run over Salesforce, from here to its end."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from eventstore.archive.console import (
    COULD_NOT_RUN,
    REFUSED,
    Progress,
    could_not_run,
    counted,
)
from users.errors import InvalidValueError
from users.management.console import at_the_console
from users.models import SalesforceRun
from users.sources.salesforce import backfill, runs
from users.sources.salesforce.errors import SalesforceError
from users.sources.salesforce.run_state import COUNTS, SUCCEEDED, Mode, State

NOUNS = {"conflicts": "conflict"}  # the other counts are told by what was done


class Command(BaseCommand):
    """Starts a run, works at it, and says what came of it."""

    help = "Read people from Salesforce now; exits with 0 when the run succeeded."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--mode",
            choices=[str(each) for each in Mode],
            default=str(Mode.INCREMENTAL),
            help="what to read",
        )
        parser.add_argument(
            "--ids", nargs="+", default=[], metavar="ID", help="records, for record"
        )
        parser.add_argument(
            "--since",
            type=_instant,
            help="for incremental: reach back to this instant",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="say what would change; change nothing",
        )
        parser.add_argument("--reason", default="", help="why; kept in the log")
        parser.add_argument(
            "--json", action="store_true", help="one line of JSON for machines"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run to the end, or until the run waits for somebody."""
        with could_not_run():
            done = self._run(options)
        self._tell(done, as_json=options["json"])
        if done.state not in SUCCEEDED:
            message = f"the run is {done.state}: {done.why}"
            raise CommandError(message, returncode=REFUSED)

    def _run(self, options: dict[str, Any]) -> SalesforceRun:
        try:
            with at_the_console():
                started = runs.start(
                    Mode(options["mode"]),
                    ids=options["ids"],
                    since=options["since"],
                    dry_run=options["dry_run"],
                    reason=options["reason"],
                )
        except (SalesforceError, InvalidValueError) as error:
            raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
        progress = Progress(self.stderr, "read", total=0, noun="record")  # type: ignore[arg-type]
        while True:
            is_more = backfill.work(started.run_id, slice_seconds=1)
            row = runs.find(started.run_id)
            progress.update(row.counts["read"], row.counts["read"])
            if row.state not in (State.QUEUED, State.RUNNING):
                break
            if not is_more:  # a job, a subscription or another worker is waited for
                time.sleep(1)
        progress.close()
        return row

    def _tell(self, row: SalesforceRun, *, as_json: bool) -> None:
        counts = {name: row.counts[name] for name in COUNTS}
        counts["deactivated"] = row.deactivated
        if as_json:
            told = {"run_id": str(row.run_id), "state": row.state, "why": row.why}
            known = {"dry_run": row.dry_run, "calls": row.calls}
            self.stdout.write(json.dumps(told | known | counts))
            return
        shown = ", ".join(
            counted(count, NOUNS.get(name, name), name)
            for name, count in counts.items()
            if count
        )
        dry = " (only told, nothing changed)" if row.dry_run else ""
        nothing = "nothing to read" if row.state in SUCCEEDED else "nothing was read"
        self.stdout.write(f"{row.mode}: {shown or nothing}{dry}")


def _instant(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        message = "write an instant with an offset, for example 2026-11-06T12:00:00Z"
        raise ArgumentTypeError(message)
    return value
