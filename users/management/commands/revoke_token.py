"""manage.py revoke_token <name>: end a client's token."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from users import tokens
from users.errors import InvalidValueError
from users.management.console import at_the_console
from users.models import ApiToken


class Command(BaseCommand):
    """Revokes an API token."""

    help = "Revoke the API token of a client; it stops working at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the client's name."""
        parser.add_argument("name", help="The client's name.")
        parser.add_argument("--reason", default="", help="Why; kept in the log.")

    def handle(self, *args: Any, name: str, reason: str, **options: Any) -> None:  # noqa: ARG002
        """Revoke it, and say so."""
        found = ApiToken.objects.filter(name=name, revoked_at__isnull=True).first()
        if found is None:
            message = f"No token in use is called {name}: see manage.py list_tokens"
            raise CommandError(message)
        try:
            with at_the_console():
                tokens.revoke(found.token_id, reason=reason)
        except InvalidValueError as error:
            raise CommandError(error.reason) from error
        self.stdout.write(f"The token of {name} is revoked.")
