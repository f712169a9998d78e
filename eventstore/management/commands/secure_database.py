"""manage.py secure_database [--check]: the roles and grants of ADR-0021."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from eventstore import roles


class Command(BaseCommand):
    """Makes the application unable to change what it recorded."""

    help = (
        "Create the roles annals_owner, annals_migrate and annals_app, hand the tables "
        "to the owner and grant the rest. Run it as a superuser; again changes nothing."
    )
    requires_system_checks = ()  # the holes they name are what this closes

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="Change nothing; print what is missing, exit with 1 if anything is.",
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:  # noqa: ARG002
        """Print each statement that was run, or is missing."""
        with connection.cursor() as cursor:
            statements = roles.missing(cursor)
        if statements and not check:
            statements = self._secure()
        for statement in statements:
            self.stdout.write(f"{statement};")
        if not statements:
            self.stdout.write("The database is secure; nothing to do.")
        elif check:
            message = "Missing: the statements above. manage.py secure_database"
            raise CommandError(message)

    def _secure(self) -> list[str]:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                done = roles.secure(cursor)
                # PostgreSQL only warns of a REVOKE by somebody who may not.
                if left := roles.missing(cursor):
                    raise CommandError(_refusal(f"may not {left[0]}"))
                return done
        except ProgrammingError as error:
            raise CommandError(_refusal(str(error).splitlines()[0])) from error


def _refusal(reason: str) -> str:
    return (
        f"Nothing was changed: {reason}. Run this as a superuser: "
        "DATABASE_URL=postgresql://postgres@… manage.py secure_database"
    )
