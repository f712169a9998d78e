"""manage.py reprocess_user: derive rows of users anew, after a preview."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

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
from eventstore.sentences import words
from projections import reprocess, runs, scopes
from projections.models import ReprocessRun
from projections.reprocess import Preview, StalePreviewError
from projections.scopes import Scope, ScopeError
from users import claims
from users.aggregate import user_id_of
from users.errors import InvalidValueError


class Command(BaseCommand):
    """Previews or runs the reprocessing of some users, or of all."""

    help = "Derive rows of read models anew; exit with 1 when something differs still."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask whom, and why."""
        parser.add_argument("who", nargs="*", help="user ids or e-mail addresses")
        parser.add_argument("--filter", help="query string of the list of users")
        parser.add_argument("--from", dest="first", help="position or instant")
        parser.add_argument("--to", dest="last", help="position or instant, inclusive")
        parser.add_argument("--drifted", action="store_true")
        parser.add_argument("--all", action="store_true")
        parser.add_argument("--preview", action="store_true", help="write nothing")
        parser.add_argument("--reason", default="", help="kept in the log")
        parser.add_argument("--actor", default=f"operator:{getpass.getuser()}")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Preview, and unless that is all, run to the end.

        Raises:
            CommandError: It could not be done, and why.
        """
        reason = options["reason"].strip()
        if not options["preview"] and not reason:
            message = "--reason is needed to run; --preview only looks"
            raise CommandError(message, returncode=COULD_NOT_RUN)
        with could_not_run():
            scope = _scope(options)
            preview = self._preview(scope)
            if options["preview"]:
                self._tell_preview(preview, as_json=options["json"])
                is_clean = not preview.would_change and not preview.failed
            else:
                with acting(
                    actor=options["actor"],
                    source=SYSTEM,
                    correlation_id=uuid.uuid7(),
                ):
                    run = self._run(preview, reason)
                self._tell_run(run, as_json=options["json"])
                is_clean = run.state == ReprocessRun.State.FINISHED and not run.failed
        if not is_clean:
            sys.exit(REFUSED)

    def _preview(self, scope: Scope) -> Preview:
        bar = Progress(self.stderr, "looked at", total=1, noun="user")  # type: ignore[arg-type]

        def shown(checked: int, users: int) -> None:
            bar.update(checked, checked / max(users, 1))  # type: ignore[arg-type]

        found = reprocess.preview_many(scope, whole=True, on_chunk=shown)
        bar.close()
        return found

    def _run(self, preview: Preview, reason: str) -> ReprocessRun:
        try:
            run = runs.start(preview.token, reason=reason)
        except StalePreviewError as error:
            message = "it moved since the preview: " + " ".join(error.moved)
            raise CommandError(message, returncode=REFUSED) from error
        bar = Progress(self.stderr, "reprocessed", total=run.users, noun="user")  # type: ignore[arg-type]
        runs.finished(run, on_chunk=lambda at: bar.update(at.checked, at.checked))
        bar.close()
        return run

    def _tell_preview(self, preview: Preview, *, as_json: bool) -> None:
        if as_json:
            facts = {
                "users": preview.users,
                "position": preview.position,
                "code": preview.code,
                **preview.counts,
                "fields": preview.fields,
                "differences": [
                    {
                        "user_id": user_id,
                        "field": each.name,
                        "now": each.now,
                        "after": each.after,
                        "set_by": each.set_by.position if each.set_by else None,
                    }
                    for user_id, each in preview.shown
                ],
            }
            self.stdout.write(orjson.dumps(facts, default=str).decode())
            return
        self.stdout.write(
            f"{counted(preview.checked, 'user')} checked up to #{preview.position:,}:"
            f" {preview.would_change:,} would change, {len(preview.failed):,} cannot be"
            f" derived. Nothing was written."
        )
        for user_id, each in preview.shown:
            self.stdout.write(
                f"{user_id} {each.name}: {words(each.now)} -> {words(each.after)}"
            )

    def _tell_run(self, run: ReprocessRun, *, as_json: bool) -> None:
        if as_json:
            names = ("state", "checked", "changed", "created", "deleted", "failed")
            facts = {name: getattr(run, name) for name in names}
            self.stdout.write(orjson.dumps({"run": run.run_id, **facts}).decode())
            return
        self.stdout.write(
            f"run {run.run_id} {run.state}: {counted(run.checked, 'user')} checked,"
            f" {run.changed:,} repaired, {run.failed:,} failed"
        )


def _scope(options: dict[str, Any]) -> Scope:
    is_range = options["first"] is not None or options["last"] is not None
    asked = [
        bool(options["who"]),
        options["filter"] is not None,
        is_range,
        options["drifted"],
        options["all"],
    ]
    if sum(asked) != 1:
        message = (
            "say whom: ids or addresses, --filter, --from/--to, --drifted or --all"
        )
        raise CommandError(message, returncode=COULD_NOT_RUN)
    try:
        if options["who"]:
            return scopes.selected([_user_id(each) for each in options["who"]])
        if options["filter"] is not None:
            return scopes.filtered(options["filter"])
        if is_range:
            return scopes.between(options["first"] or "", options["last"] or "")
    except ScopeError as error:
        raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
    if options["drifted"]:
        return Scope(kind=scopes.DRIFTED)
    return scopes.everybody()


def _user_id(typed: str) -> UUID:
    try:
        return UUID(typed)
    except ValueError:
        pass
    try:
        stream = claims.holder(typed)
    except InvalidValueError:
        stream = None
    if stream is None:
        message = "One of those named is no user id, and no user has it as an address."
        raise ScopeError(message)
    return user_id_of(stream)
