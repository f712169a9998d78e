"""manage.py audit_guard [--json] [--role NAME]: who could change the log, and how."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from eventstore.guard import holes


class Command(BaseCommand):
    """Names every hole; exits with 1 when there is one."""

    help = "Name every way to change the log, and the command that closes it."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="For machines.")
        parser.add_argument(
            "--role", help="The application's role (default: the one that connects)."
        )

    def handle(self, *args: Any, role: str | None, **options: Any) -> None:  # noqa: ARG002
        """Print the holes."""
        with connection.cursor() as cursor:
            found = holes(cursor, role=role)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(hole) for hole in found], indent=2))
        else:
            for hole in found:
                self.stdout.write(f"{hole.code}: {hole.meaning}")
                self.stdout.write(f"    close it: {hole.remedy}")
            if not found:
                self.stdout.write("No hole is open.")
        if found:
            sys.exit(1)
