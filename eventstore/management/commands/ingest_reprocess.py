"""manage.py ingest_reprocess: map raw records again after a mapper was repaired."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import uuid_utils.compat as uuid
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from eventstore.archive.console import REFUSED, Progress, could_not_run, counted
from eventstore.circumstances import acting
from eventstore.errors import EventStoreError
from eventstore.events import SYSTEM
from eventstore.intake import mapping, reprocessing, rereading
from eventstore.intake.models import RecordMapping
from eventstore.intake.reprocessing import Outcome, Selection

STATES = (*reprocessing.TRIED_AGAIN, *rereading.MAPPED)


class Command(BaseCommand):
    """Maps again; events come only of what comes out otherwise than before."""

    help = "Map raw records again; only real differences become events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare which records, and how."""
        parser.add_argument("source")
        parser.add_argument("--reason", required=True, help="why; kept in the log")
        parser.add_argument("--since", type=_instant, help="received at or after")
        parser.add_argument(
            "--state",
            action="append",
            default=[],
            dest="states",
            choices=[str(each) for each in STATES],
        )
        parser.add_argument(
            "--record", action="append", default=[], dest="records", type=UUID
        )
        parser.add_argument(
            "--older-than",
            type=int,
            metavar="VERSION",
            help="only what an older version of the mapper mapped",
        )
        parser.add_argument("--dry-run", action="store_true", help="change nothing")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument("--actor", default=f"operator:{getpass.getuser()}")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Do it in the operator's name; exit with 1 when something failed.

        Raises:
            CommandError: It was refused, or could not run, and why.
        """
        wanted = Selection(
            source=options["source"],
            since=options["since"],
            states=tuple(options["states"]),
            records=tuple(options["records"]),
            older_than=options["older_than"],
        )
        actor = options["actor"]
        try:
            with (
                could_not_run(),
                acting(actor=actor, source=SYSTEM, correlation_id=uuid.uuid7()),
            ):
                outcome = self._reprocess(wanted, options)
                stuck = 0 if options["dry_run"] else _mapped(wanted.source)
        except EventStoreError as error:
            raise CommandError(str(error), returncode=REFUSED) from error
        self._tell(outcome, stuck, options)
        if outcome.failed or stuck:
            sys.exit(REFUSED)

    def _reprocess(self, wanted: Selection, options: dict[str, Any]) -> Outcome:
        stream: Any = self.stderr
        progress = Progress(stream, "read", total=1, noun="entity", nouns="entities")

        def tell(done: int, whole: int) -> None:
            progress.update(done, int(done == whole))

        outcome = reprocessing.reprocess(
            wanted, reason=options["reason"], is_dry=options["dry_run"], tell=tell
        )
        progress.close()
        return outcome

    def _tell(self, outcome: Outcome, stuck: int, options: dict[str, Any]) -> None:
        if options["json"]:
            facts = asdict(outcome) | {"stuck": stuck, "dry_run": options["dry_run"]}
            self.stdout.write(orjson.dumps(facts).decode())
            return
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            f"{counted(outcome.records, 'record')}: {outcome.retried} {would}tried"
            f" again, {counted(outcome.entities, 'entity', 'entities')} {would}read"
            f" again, {outcome.changed} of them different,"
            f" {counted(outcome.events, 'event')}, {outcome.failed} failed."
        )
        if stuck:
            are = "is" if stuck == 1 else "are"
            records = counted(stuck, "record")
            self.stdout.write(f"{records} of {options['source']} {are} stuck.")


def _mapped(source: str) -> int:
    """Map what is due of *source*, and return how many records are stuck then."""
    while mapping.map_next(source):
        pass
    return RecordMapping.objects.filter(source=source, state__in=mapping.STUCK).count()


def _instant(text: str) -> datetime:
    value = parse_datetime(text)
    if value is None:
        message = "write an instant, for example 2026-11-06T12:00:00Z"
        raise ArgumentTypeError(message)
    return value if value.tzinfo else timezone.make_aware(value)
