"""manage.py subscriptions: who keeps up with the log, and what to do about the rest."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

import orjson
import uuid_utils.compat as uuid
from django.core.management.base import BaseCommand, CommandError

from eventstore import dead_letters, liveness, pauses, store, subscriptions
from eventstore.archive.console import REFUSED, could_not_run
from eventstore.circumstances import acting
from eventstore.errors import EventStoreError
from eventstore.events import SYSTEM
from eventstore.models import DeadLetter


class Command(BaseCommand):
    """Lists, pauses and resumes; lists dead letters, retries and skips them."""

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
        operation("resume", "go on").add_argument("name")
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

    def handle(self, *args: Any, action: str, actor: str, **options: Any) -> None:  # noqa: ARG002
        """Do it in the operator's name; exit with 1 when an event failed once more.

        Raises:
            CommandError: It was refused, or could not run, and why.
        """
        do: Callable[..., bool] = getattr(self, f"_{action}")
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
            }
            paused = f", paused by {row['paused_by']} ({row['reason']})"
            line = (
                f"{each.name}: {each.kind} at #{each.position}, {each.behind} behind,"
                f" {each.letters} dead letters{paused if each.pause else ''}"
                f"{', stalled' if each.is_stalled else ''}"
                f"{f', {each.error}' if each.error else ''}"
            )
            rows.append((row, line))
        self._print(options, rows)
        return True

    def _pause(self, options: dict[str, Any]) -> bool:
        name = subscriptions.find(options["name"]).name
        pauses.pause(name, reason=options["reason"])
        self._print_one(options, {"paused": name}, "Paused.")
        return True

    def _resume(self, options: dict[str, Any]) -> bool:
        name = subscriptions.find(options["name"]).name
        pauses.resume(name)
        self._print_one(options, {"resumed": name}, "Resumed.")
        return True

    def _letters(self, options: dict[str, Any]) -> bool:
        found = dead_letters.of_group(options["group"])
        self._print(options, [(_facts(each), _line(each)) for each in found])
        return True

    def _retry(self, options: dict[str, Any]) -> bool:
        if options["group"]:
            count = dead_letters.retry_group(options["group"])
            self._print_one(options, {"ordered": count}, f"{count} to be tried.")
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
        f"{letter.pk}: {letter.subscription} at #{letter.position} {letter.type},"
        f" {letter.state}, attempts {letter.attempts}, {letter.error},"
        f" group {letter.fingerprint}"
    )
