"""manage.py event_catalogue: the page of all event types, made from the classes."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from eventstore import catalogue


class Command(BaseCommand):
    """Writes the event catalogue to standard output."""

    help = "Print the event catalogue in Markdown; `make catalogue` keeps it."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask where stored payloads are kept."""
        parser.add_argument(
            "--golden",
            type=Path,
            default=settings.BASE_DIR / "tests" / "golden",
            help="Folder with <type>.<version>.json, for the examples.",
        )

    def handle(self, *args: Any, golden: Path, **options: Any) -> None:  # noqa: ARG002
        """Print the page."""
        examples = {
            file.stem: json.loads(file.read_text("utf-8"))
            for file in sorted(golden.glob("*.json"))
        }
        self.stdout.write(catalogue.page(examples), ending="")
