"""manage.py forget_factors <account>: let in somebody who lost every second factor."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from users import factors
from users.management.console import at_the_console


class Command(BaseCommand):
    """Removes an account's second factors."""

    help = "Remove the second factors of a staff account; it can then add new ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the account."""
        parser.add_argument("account", help="The log-in name.")

    def handle(self, *args: Any, account: str, **options: Any) -> None:  # noqa: ARG002
        """Remove them, and say so."""
        found = User.objects.filter(username=account).first()
        if found is None:
            message = f"No account is called {account}."
            raise CommandError(message)
        with at_the_console():
            count = factors.forget(found)
        self.stdout.write(f"{count} removed.")
