"""manage.py effects: what reactors sent, what they owe, and sending it once more."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

import orjson
import uuid_utils.compat as uuid
from django.core.management.base import BaseCommand, CommandError

from eventstore import effects, resends
from eventstore.archive.console import REFUSED, could_not_run
from eventstore.circumstances import acting
from eventstore.errors import EventStoreError
from eventstore.events import SYSTEM
from eventstore.models import Effect


class Command(BaseCommand):
    """Lists effects, and has one sent once more."""

    help = "Look after the effects of reactors."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare one sub-command an operation."""
        parser.add_argument("--actor", default=f"operator:{getpass.getuser()}")
        actions = parser.add_subparsers(dest="action", required=True)
        as_json = ArgumentParser(add_help=False)
        as_json.add_argument("--json", action="store_true", help="print JSON")
        listed = actions.add_parser("list", help="the newest 200", parents=[as_json])
        listed.add_argument("--state", default="", choices=Effect.State.values)
        listed.add_argument("--reactor", default="")
        listed.add_argument("--stream", default="")
        resend = actions.add_parser("resend", help="send it again", parents=[as_json])
        resend.add_argument("number", type=int)
        resend.add_argument("--reason", required=True)

    def handle(self, *args: Any, action: str, actor: str, **options: Any) -> None:  # noqa: ARG002
        """Do it in the operator's name.

        Raises:
            CommandError: It was refused, or could not run, and why.
        """
        try:
            with (
                could_not_run(),
                acting(actor=actor, source=SYSTEM, correlation_id=uuid.uuid7()),
            ):
                self._list(options) if action == "list" else self._resend(options)
        except EventStoreError as error:
            raise CommandError(str(error), returncode=REFUSED) from error

    def _list(self, options: dict[str, Any]) -> None:
        found = effects.listed(
            state=options["state"],
            reactor=options["reactor"],
            stream=options["stream"],
        )
        if options["json"]:
            facts = [_facts(each) for each in found]
            self.stdout.write(orjson.dumps(facts).decode())
            return
        for each in found:
            self.stdout.write(_line(each))

    def _resend(self, options: dict[str, Any]) -> None:
        made = resends.resend(options["number"], reason=options["reason"])
        if options["json"]:
            self.stdout.write(orjson.dumps(_facts(made)).decode())
        else:
            self.stdout.write(f"Ordered as effect {made.pk}.")


def _facts(effect: Effect) -> dict[str, Any]:
    is_pending = effect.state == Effect.State.PENDING
    return {
        "number": effect.pk,
        "reactor": effect.reactor,
        "stream": effect.stream,
        "version": effect.version,
        "key": effects.key(effect),
        "resend": effect.resend,
        "state": effect.state,
        "attempts": effect.attempts,
        "error": effect.error,
        "created_at": effect.created_at,
        "next_attempt_at": effect.next_attempt_at if is_pending else None,
        "finished_at": effect.finished_at,
    }


def _line(effect: Effect) -> str:
    is_pending = effect.state == Effect.State.PENDING
    again = f", next {effect.next_attempt_at:%Y-%m-%d %H:%M:%S}Z"
    return (
        f"{effect.pk}: {effect.reactor} for {effect.stream} v{effect.version},"
        f" {effect.state}, attempts {effect.attempts}"
        f"{again if is_pending else ''}"
        f"{f', resend {effect.resend}' if effect.resend else ''}"
        f"{f', {effect.error}' if effect.error else ''}"
    )
