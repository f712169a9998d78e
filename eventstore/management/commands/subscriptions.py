"""manage.py subscriptions: who keeps up with the log, and what to do about the rest."""

from __future__ import annotations

import getpass
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import uuid_utils.compat as uuid
from django.core.management.base import BaseCommand, CommandError

from eventstore import (
    dead_letters,
    liveness,
    pauses,
    rebuilding,
    rebuilds,
    standings,
    store,
    subscriptions,
)
from eventstore.archive.console import REFUSED, Progress, could_not_run, counted
from eventstore.circumstances import acting
from eventstore.errors import EventStoreError
from eventstore.events import SYSTEM
from eventstore.models import DeadLetter, Rebuild
from eventstore.standings import Standing

POLL_SECONDS = 0.1  # between two looks at what others work on
# Name, what it does, and whether it needs a reason; None where there is nothing to say.
REBUILD_OPERATIONS = (
    ("rebuild", "build a read model anew beside the live one", True),
    ("status", "how the rebuild of a read model stands", None),
    ("compare", "compare the rebuilt tables with the live ones once more", None),
    ("cancel", "give a rebuild up and drop its tables", False),
    ("switch", "put the rebuilt tables in the place of the live ones", False),
    ("switch-back", "put the kept tables back", False),
    ("accept", "say that changed code would write the same rows", True),
)


class Command(BaseCommand):
    """Lists, pauses, resumes and rebuilds; lists, retries and skips dead letters."""

    help = "Look after subscriptions and their dead letters."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare one sub-command an operation."""
        parser.add_argument("--actor", default=f"operator:{getpass.getuser()}")
        actions = parser.add_subparsers(dest="action", required=True)
        as_json = ArgumentParser(add_help=False)
        as_json.add_argument("--json", action="store_true", help="print JSON")

        def operation(name: str, words: str) -> ArgumentParser:
            made: ArgumentParser = actions.add_parser(
                name, help=words, parents=[as_json]
            )
            return made

        operation("list", "all subscriptions")
        pause = operation("pause", "apply nothing until resume")
        pause.add_argument("name")
        pause.add_argument("--reason", required=True)
        resume = operation("resume", "go on")
        resume.add_argument("name")
        for each in (pause, resume):
            each.add_argument("--rebuild", action="store_true", help="its rebuild only")
        letters = operation("letters", "open dead letters, oldest first")
        letters.add_argument("--group", default="", help="a fingerprint")
        retry = operation("retry", "try letters now")
        which = retry.add_mutually_exclusive_group(required=True)
        which.add_argument("number", type=int, nargs="?", help="one letter")
        which.add_argument("--group", help="all of a fingerprint; the workers do it")
        which.add_argument("--canary", help="the five oldest of a fingerprint")
        skip = operation("skip", "give a letter's event up")
        skip.add_argument("number", type=int)
        skip.add_argument("--reason", required=True)
        _add_rebuild_operations(operation)

    def handle(self, *args: Any, action: str, actor: str, **options: Any) -> None:  # noqa: ARG002
        """Do it in the operator's name; exit with 1 when an event failed once more.

        Raises:
            CommandError: It was refused, or could not run, and why.
        """
        do: Callable[..., bool] = getattr(self, f"_{action.replace('-', '_')}")
        try:
            with (
                could_not_run(),
                acting(actor=actor, source=SYSTEM, correlation_id=uuid.uuid7()),
            ):
                is_done = do(options)
        except EventStoreError as error:
            raise CommandError(str(error), returncode=REFUSED) from error
        if not is_done:
            sys.exit(REFUSED)

    def _list(self, options: dict[str, Any]) -> bool:
        rows = []
        for each in liveness.vitals(store.watermark()):
            row = {
                "name": each.name,
                "kind": each.kind,
                "position": each.position,
                "behind": each.behind,
                "lag_seconds": round(each.lag_seconds, 3),
                "beaten_at": each.beaten_at,
                "is_stalled": each.is_stalled,
                "dead_letters": each.letters,
                "error": each.error,
                "paused_by": each.pause.actor if each.pause else None,
                "reason": each.pause.reason if each.pause else None,
                "is_changed": each.is_changed,
            }
            paused = f", paused by {row['paused_by']} ({row['reason']})"
            line = (
                f"{each.name}: {each.kind} at #{each.position}, {each.behind} behind,"
                f" {counted(each.letters, 'dead letter')}{paused if each.pause else ''}"
                f"{', stalled' if each.is_stalled else ''}"
                f"{', filled by other code' if each.is_changed else ''}"
                f"{f', {each.error}' if each.error else ''}"
            )
            rows.append((row, line))
        self._print(options, rows)
        return True

    def _pause(self, options: dict[str, Any]) -> bool:
        name = subscriptions.find(options["name"]).name
        does = rebuilds.pause if options["rebuild"] else pauses.pause
        does(name, reason=options["reason"])
        self._print_one(options, {"paused": name}, "Paused.")
        return True

    def _resume(self, options: dict[str, Any]) -> bool:
        name = subscriptions.find(options["name"]).name
        (rebuilds.resume if options["rebuild"] else pauses.resume)(name)
        self._print_one(options, {"resumed": name}, "Resumed.")
        return True

    def _letters(self, options: dict[str, Any]) -> bool:
        found = dead_letters.of_group(options["group"])
        if not found:
            self.stderr.write("No open dead letters.")
        self._print(options, [(_facts(each), _line(each)) for each in found])
        return True

    def _retry(self, options: dict[str, Any]) -> bool:
        wanted = options["group"] or options["canary"]
        if wanted and not dead_letters.of_group(wanted):
            message = f"No open dead letter is of group {wanted}: see letters."
            raise CommandError(message, returncode=REFUSED)
        if options["group"]:
            count = dead_letters.retry_group(options["group"])
            text = f"{counted(count, 'dead letter')} to be tried."
            self._print_one(options, {"ordered": count}, text)
            return True
        if options["canary"]:
            tried = dead_letters.retry_first(options["canary"])
            facts = {"applied": tried.applied, "failed": tried.failed}
            text = f"{tried.applied} applied, {tried.failed} failed again."
            self._print_one(options, facts, text)
            return not tried.failed
        return self._tell_left(options, dead_letters.retry(options["number"]))

    def _skip(self, options: dict[str, Any]) -> bool:
        left = dead_letters.skip(options["number"], reason=options["reason"])
        return self._tell_left(options, left)

    def _tell_left(self, options: dict[str, Any], left: DeadLetter | None) -> bool:
        facts = {"left": None if left is None else _facts(left)}
        text = "The stream keeps up again."
        if left is not None:
            text = f"The stream still waits: {_line(left)}"
        self._print_one(options, facts, text)
        return left is None

    def _rebuild(self, options: dict[str, Any]) -> bool:
        name = options["name"]
        made = rebuilds.start(name, reason=options["reason"])
        if not options["detach"]:
            self._work(made)
        return self._status(options)

    def _work(self, made: Rebuild) -> None:
        """Take steps until the copy is compared; beside workers, if there are any."""
        name = made.subscription
        bar = Progress(self.stderr, "rebuilt", total=100)  # type: ignore[arg-type]
        while (standing := standings.current(name)) is not None:
            found = standing.rebuild
            if found.pk != made.pk or found.error or found.paused_by:
                break
            if found.filled_at and not found.is_comparison_due:
                break
            bar.update(found.done, standing.percent)
            if rebuilding.work(name, seconds=1.0):
                time.sleep(POLL_SECONDS)  # a worker is at it
        bar.close()

    def _status(self, options: dict[str, Any]) -> bool:
        rebuilds.rebuildable(options["name"])
        standing = standings.current(options["name"])
        if standing is None:
            self._print_one(options, {"rebuild": None}, "No rebuild.")
            return False
        facts = _rebuild_facts(standing)
        self._print_one(options, facts, _rebuild_line(standing))
        return not standing.rebuild.error

    def _cancel(self, options: dict[str, Any]) -> bool:
        return self._done(options, rebuilds.cancel, "cancelled")

    def _compare(self, options: dict[str, Any]) -> bool:
        asked = rebuilds.compare(options["name"])
        self._work(asked)
        asked.refresh_from_db()
        return self._status(options) and not asked.is_comparison_due

    def _switch(self, options: dict[str, Any]) -> bool:
        act = partial(rebuilds.switch, with_letters=options["with_letters"])
        return self._done(options, act, "switched")

    def _switch_back(self, options: dict[str, Any]) -> bool:
        return self._done(options, rebuilds.switch_back, "switched_back")

    def _accept(self, options: dict[str, Any]) -> bool:
        return self._done(options, rebuilds.accept, "accepted")

    def _done(
        self, options: dict[str, Any], act: Callable[..., None], word: str
    ) -> bool:
        act(options["name"], reason=options["reason"])
        words = f"{word.replace('_', ' ').capitalize()}."
        self._print_one(options, {word: options["name"]}, words)
        return True

    def _print(
        self, options: dict[str, Any], rows: list[tuple[dict[str, Any], str]]
    ) -> None:
        if options["json"]:
            self.stdout.write(orjson.dumps([facts for facts, _line in rows]).decode())
        else:
            for _facts_of_it, line in rows:
                self.stdout.write(line)

    def _print_one(
        self, options: dict[str, Any], facts: dict[str, Any], text: str
    ) -> None:
        self.stdout.write(orjson.dumps(facts).decode() if options["json"] else text)


def _add_rebuild_operations(operation: Callable[[str, str], ArgumentParser]) -> None:
    for name, words, is_explained in REBUILD_OPERATIONS:
        made = operation(name, words)
        made.add_argument("name")
        if is_explained is not None:
            made.add_argument("--reason", default="", required=is_explained)
        if name == "switch":
            made.add_argument(
                "--with-letters",
                action="store_true",
                help="even if some streams could not be applied",
            )
        if name == "rebuild":
            made.add_argument(
                "--detach", action="store_true", help="start it and leave"
            )


def _rebuild_facts(standing: Standing) -> dict[str, Any]:
    found = standing.rebuild
    return {
        "name": found.subscription,
        "state": found.state,
        "actor": found.actor,
        "reason": found.reason,
        "started_at": found.started_at,
        "paused_by": found.paused_by or None,
        "events": found.done,
        "total": found.total,
        "percent": standing.percent,
        "rate": round(standing.rate, 1),
        "seconds_left": standing.seconds_left,
        "behind": standing.behind,
        "dead_letters": standing.letters,
        "is_outdated": standing.is_outdated,
        "kept_until": standing.kept_until,
        "error": found.error,
        "comparison": found.comparison,
        "is_comparison_due": found.is_comparison_due,
    }


def _rebuild_line(standing: Standing) -> str:
    found = standing.rebuild
    told = [f"{found.subscription}: {found.state}, started by {found.actor}"]
    told.append(f"{standing.percent} % at {standing.rate:,.0f} events/s")
    if standing.seconds_left is not None:
        told.append(f"{standing.seconds_left:,.0f} s left")
    told.append(f"{standing.behind} behind")
    told.extend(
        f"{each['table']}: {each['created']} created, {each['changed']} changed,"
        f" {each['deleted']} deleted"
        for each in (found.comparison or {}).get("tables", [])
    )
    if found.is_comparison_due:
        told.append("to be compared")
    if found.paused_by:
        told.append(f"paused by {found.paused_by}")
    if standing.is_outdated:
        told.append("begun by other code")
    return ", ".join([*told, found.error] if found.error else told)


def _facts(letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": letter.pk,
        "subscription": letter.subscription,
        "stream": letter.stream,
        "position": letter.position,
        "type": letter.type,
        "state": letter.state,
        "attempts": letter.attempts,
        "error": letter.error,
        "fingerprint": letter.fingerprint,
        "first_failed_at": letter.first_failed_at,
        "last_failed_at": letter.last_failed_at,
    }


def _line(letter: DeadLetter) -> str:
    return (
        f"{letter.pk}: {letter.subscription} at #{letter.position} {letter.type}"
        f" of {letter.stream}, {letter.state}, attempts {letter.attempts},"
        f" {letter.error}, group {letter.fingerprint}"
    )
