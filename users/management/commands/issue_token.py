"""manage.py issue_token <name> --scope …: a REST client's token, shown once."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from users import tokens
from users.errors import InvalidValueError, TokenNameTakenError
from users.management.console import at_the_console
from users.scopes import ALL, Scope

EVERY_SCOPE = "all"
ADVICE = "Use a day (2027-01-31, its end in UTC) or a time with an offset."


def instant(text: str) -> datetime:
    """Return the end of a day, or an aware time.

    Raises:
        ArgumentTypeError: *text* is neither.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _aware(text)
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


class Command(BaseCommand):
    """Issues an API token."""

    help = "Issue an API token; an earlier one of the same name is revoked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the client's name and what it may do."""
        parser.add_argument("name", help="Who will use it; every event names it.")
        parser.add_argument(
            "--scope",
            action="append",
            dest="scopes",
            required=True,
            choices=[*sorted(scope.value for scope in Scope), EVERY_SCOPE],
            help="What it may do; may be repeated.",
        )
        parser.add_argument(
            "--expires",
            type=instant,
            help=f"When it ends. {ADVICE} Never, if not told.",
        )
        parser.add_argument("--reason", default="", help="Why; kept in the log.")

    def handle(
        self,
        *args: Any,  # noqa: ARG002
        name: str,
        scopes: list[str],
        expires: datetime | None,
        reason: str,
        **options: Any,  # noqa: ARG002
    ) -> None:
        """Print the token; it is not kept and cannot be shown again."""
        wanted = ALL if EVERY_SCOPE in scopes else {Scope(each) for each in scopes}
        try:
            with at_the_console():
                token = tokens.issue(
                    name,
                    scopes=wanted,
                    expires_at=expires,
                    reason=reason,
                    replaces=True,
                )
        except InvalidValueError as error:
            raise CommandError(error.reason) from error
        except TokenNameTakenError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(token)


def _aware(text: str) -> datetime:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(ADVICE) from None
    if told.tzinfo is None:
        raise ArgumentTypeError(ADVICE)
    return told.astimezone(UTC)
