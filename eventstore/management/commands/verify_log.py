"""manage.py verify_log: is every event what it was when it was appended?"""

from __future__ import annotations

import dataclasses
import getpass
from argparse import ArgumentParser
from typing import Any

import orjson
import uuid_utils.compat as uuid
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from eventstore import integrity, store
from eventstore.archive.console import COULD_NOT_RUN, REFUSED, Progress, could_not_run
from eventstore.circumstances import acting
from eventstore.events import SYSTEM
from eventstore.integrity import Verdict


class Command(BaseCommand):
    """Recomputes leaves and places, names the first event that differs, records it."""

    help = "Verify every event of the log, or of a range; exits with 1 if one differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the range."""
        parser.add_argument("--from", dest="first", type=int, default=1)
        parser.add_argument("--to", dest="last", type=int, default=None)
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--actor", default=f"operator:{getpass.getuser()}")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Verify, showing how far it is on standard error."""
        first, last = options["first"], options["last"]
        if first < 1 or (last is not None and last < first):
            message = "--from is a position from 1, and --to is not below it"
            raise CommandError(message, returncode=COULD_NOT_RUN)
        with could_not_run():
            until = min(filter(None, (store.watermark(), last)), default=0)
            bar = Progress(self.stderr, "verified", total=max(until - first + 1, 0))  # type: ignore[arg-type]
            verdict = integrity.verify(
                first=first,
                last=last,
                on_batch=lambda events, at: bar.update(events, at - first + 1),
            )
            bar.close()
        self._record(verdict, options["actor"])
        self._tell(verdict, as_json=options["json"])

    def _record(self, verdict: Verdict, actor: str) -> None:
        """Record it; a database that takes no event is told of, and no difference."""
        try:
            with acting(actor=actor, source=SYSTEM, correlation_id=uuid.uuid7()):
                integrity.record(verdict)
        except DatabaseError as error:
            self.stderr.write(f"not recorded: {type(error).__name__}")

    def _tell(self, verdict: Verdict, *, as_json: bool) -> None:
        found = verdict.difference
        if as_json:
            facts = {"fine": found is None, **dataclasses.asdict(verdict)}
            self.stdout.write(orjson.dumps(facts).decode())
        if found is not None:
            message = (
                f"#{found.position} ({found.stream}, version {found.version}) differs:"
                f" {found.what}"
            )
            raise CommandError(message, returncode=REFUSED)
        if not as_json:
            where = f"#{verdict.first} to #{verdict.last}"
            self.stdout.write(f"{verdict.events:,} events verified, {where}: fine")
