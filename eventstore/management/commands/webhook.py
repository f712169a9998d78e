"""manage.py webhook: endpoints of webhooks, and what they are owed."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from eventstore.circumstances import acting
from eventstore.events import SYSTEM
from eventstore.webhooks import courier, endpoints
from eventstore.webhooks.endpoints import Opened
from eventstore.webhooks.errors import WebhookError


class Command(BaseCommand):
    """Adds, rotates, pauses, resumes, removes, lists and redelivers."""

    help = "Set webhooks up, and look after what they are owed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare one sub-command an operation."""
        parser.add_argument("--actor", default=f"operator:{getpass.getuser()}")
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="all endpoints")
        add = actions.add_parser("add", help="add an endpoint; prints its secret")
        add.add_argument("name")
        add.add_argument("url")
        add.add_argument("--type", action="append", default=[], dest="types")
        add.add_argument("--personal", action="store_true", help="send personal data")
        for name, words in (
            ("rotate", "a new secret; the old one signs, too, for 24 hours"),
            ("resume", "send again what is owed"),
            ("remove", "forget it and what it was owed"),
        ):
            actions.add_parser(name, help=words).add_argument("name")
        pause = actions.add_parser("pause", help="send nothing until resume")
        pause.add_argument("name")
        pause.add_argument("--reason", default="")
        shown = actions.add_parser("deliveries", help="the newest 100")
        shown.add_argument("name")
        shown.add_argument("--state", default="", choices=["pending", "done", "failed"])
        again = actions.add_parser("redeliver", help="bring events again")
        again.add_argument("name")
        which = again.add_mutually_exclusive_group(required=True)
        which.add_argument("--event", type=UUID, help="one event, by its id")
        which.add_argument(
            "--failed-since", type=_instant, help="all that failed, owed since"
        )

    def handle(self, *args: Any, action: str, actor: str, **options: Any) -> None:  # noqa: ARG002
        """Do it in the operator's name.

        Raises:
            CommandError: It was refused, and why.
        """
        do: Callable[..., None] = getattr(self, f"_{action}")
        try:
            with acting(actor=actor, source=SYSTEM, correlation_id=uuid.uuid7()):
                do(options)
        except WebhookError as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict[str, Any]) -> None:
        del options
        owed = courier.owed()
        for each in endpoints.every():
            counts = owed.get(each.pk, {})
            words = ", ".join(f"{counts.get(k, 0)} {k}" for k in ("pending", "failed"))
            why = f" ({each.reason})" if each.reason else ""
            self.stdout.write(f"{each.name}: {each.state}{why}, {words}, {each.url}")

    def _add(self, options: dict[str, Any]) -> None:
        self._show(
            endpoints.add(
                options["name"],
                options["url"],
                types=options["types"],
                personal=options["personal"],
            )
        )

    def _rotate(self, options: dict[str, Any]) -> None:
        self._show(endpoints.rotate(options["name"]))

    def _pause(self, options: dict[str, Any]) -> None:
        endpoints.pause(options["name"], reason=options["reason"])
        self.stdout.write("Paused; what is owed is kept.")

    def _resume(self, options: dict[str, Any]) -> None:
        endpoints.resume(options["name"])
        self.stdout.write("Resumed.")

    def _remove(self, options: dict[str, Any]) -> None:
        endpoints.remove(options["name"])
        self.stdout.write("Removed.")

    def _deliveries(self, options: dict[str, Any]) -> None:
        for each in courier.deliveries(options["name"], state=options["state"]):
            status = each.status or "-"
            self.stdout.write(
                f"#{each.position} {each.event_id} {each.type} {each.state},"
                f" attempts {each.attempts}, status {status} {each.error}".rstrip()
            )

    def _redeliver(self, options: dict[str, Any]) -> None:
        if options["event"]:
            courier.redeliver(options["name"], options["event"])
            count = 1
        else:
            since = options["failed_since"]
            count = courier.redeliver_failed(options["name"], since=since)
        self.stdout.write(f"{count} to be brought again.")

    def _show(self, opened: Opened) -> None:
        self.stdout.write("The secret, shown this once:")
        self.stdout.write(opened.secret)


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else timezone.make_aware(value)
