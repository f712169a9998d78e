"""manage.py issue_token <name>: a REST client's token, shown once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from users import tokens
from users.errors import InvalidValueError


class Command(BaseCommand):
    """Issues an API token."""

    help = "Issue an API token; an earlier one of the same name stops working."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the client's name."""
        parser.add_argument("name", help="Who will use it; every event names it.")

    def handle(self, *args: Any, name: str, **options: Any) -> None:  # noqa: ARG002
        """Print the token; it is not kept and cannot be shown again."""
        try:
            self.stdout.write(tokens.issue(name))
        except InvalidValueError as error:
            raise CommandError(error.reason) from error
