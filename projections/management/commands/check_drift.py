"""manage.py check_drift: are the read models the fold of the log?"""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

import orjson
import uuid_utils.compat as uuid
from django.core.management.base import BaseCommand, CommandError

from eventstore.archive.console import (
    COULD_NOT_RUN,
    REFUSED,
    Progress,
    could_not_run,
    counted,
)
from eventstore.circumstances import acting
from eventstore.events import SYSTEM
from projections import drift_check, reprocess, runs, scopes
from projections.drift_check import Report
from projections.models import ReprocessRun
from projections.reprocess import StalePreviewError
from projections.scopes import Scope

SAMPLE = 1_000  # users looked at unless all are
NAMED = 100  # users printed; the rest is in the log


class Command(BaseCommand):
    """Compares rows of users, a sample or all, with the fold of the log."""

    help = "Compare read models with the log; exit with 1 when rows differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask how many, and whether to repair."""
        many = parser.add_mutually_exclusive_group()
        many.add_argument("--all", action="store_true", help="every user")
        many.add_argument("--sample", type=int, default=SAMPLE, help="users at random")
        parser.add_argument("--repair", action="store_true", help="reprocess them")
        parser.add_argument("--reason", default="", help="kept in the log")
        parser.add_argument("--actor", default=f"operator:{getpass.getuser()}")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Look, tell, and repair if asked; what was found is recorded.

        Raises:
            CommandError: It could not be done, and why.
        """
        reason = options["reason"].strip()
        if options["repair"] and not reason:
            message = "--repair needs a --reason"
            raise CommandError(message, returncode=COULD_NOT_RUN)
        if options["sample"] < 1:
            message = "--sample is a number from 1"
            raise CommandError(message, returncode=COULD_NOT_RUN)
        with (
            could_not_run(),
            acting(actor=options["actor"], source=SYSTEM, correlation_id=uuid.uuid7()),
        ):
            report = self._look(0 if options["all"] else options["sample"])
            run = _repaired(report, reason) if options["repair"] else None
        self._tell(report, run, as_json=options["json"])
        is_repaired = (
            run is not None
            and run.state == ReprocessRun.State.FINISHED
            and not (run.failed or report.failed)
        )
        if (report.drifted or report.failed) and not is_repaired:
            sys.exit(REFUSED)

    def _look(self, sample: int) -> Report:
        scope = scopes.everybody()
        total = min(filter(None, (sample, scope.count())), default=0)
        bar = Progress(self.stderr, "looked at", total=total, noun="user")  # type: ignore[arg-type]
        report = drift_check.look_at(
            scope, sample=sample, on_chunk=lambda users: bar.update(users, users)
        )
        bar.close()
        return report

    def _tell(self, report: Report, run: ReprocessRun | None, *, as_json: bool) -> None:
        if as_json:
            facts = {
                "checked": report.checked,
                "drifted": [
                    {
                        "user_id": each.user_id,
                        "fields": [difference.name for difference in each.differences],
                    }
                    for each in report.drifted
                ],
                "failed": [each.user_id for each in report.failed],
                "repaired": run.changed if run else 0,
            }
            self.stdout.write(orjson.dumps(facts).decode())
            return
        self.stdout.write(
            f"{counted(report.checked, 'user')} checked: {len(report.drifted):,} differ"
            f" from the log, {len(report.failed):,} cannot be derived"
        )
        for each in report.drifted[:NAMED]:
            fields = ", ".join(difference.name for difference in each.differences)
            self.stdout.write(f"{each.user_id}: {fields}")
        if run is not None:
            repaired = counted(run.changed, "user")
            self.stdout.write(f"run {run.run_id}: {repaired} repaired")


def _repaired(report: Report, reason: str) -> ReprocessRun | None:
    """Reprocess those found, after a preview of exactly them."""
    if not report.drifted:
        return None
    scope = Scope(
        kind=scopes.SELECTED,
        users=tuple(sorted(each.user_id for each in report.drifted)),
    )
    preview = reprocess.preview_many(scope, whole=True)
    try:
        run = runs.start(preview.token, reason=reason)
    except StalePreviewError as error:
        message = "it moved since it was looked at: " + " ".join(error.moved)
        raise CommandError(message, returncode=REFUSED) from error
    return runs.finished(run)
