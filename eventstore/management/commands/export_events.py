"""manage.py export_events: the log as a file, one event a line."""

from __future__ import annotations

import contextlib
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand

from eventstore import store
from eventstore.archive import forms
from eventstore.archive.console import Progress, could_not_run
from eventstore.archive.exporting import export_events


class Command(BaseCommand):
    """Writes events in order of position, up to the watermark."""

    help = "Export the log, or a range of it, as NDJSON or CloudEvents, one a line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for form, range and place."""
        parser.add_argument("--format", choices=list(forms.WRITERS), default="ndjson")
        parser.add_argument("--from", dest="first", type=int, default=1)
        parser.add_argument("--to", dest="last", type=int, default=None)
        parser.add_argument("--output", default="-", help="A file, or - (the default).")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Export, telling how far it is on standard error."""
        first, last = options["first"], options["last"]
        with could_not_run(), _opened(options["output"]) as output:
            until = min(filter(None, (store.watermark(), last)), default=0)
            bar = Progress(self.stderr, "exported", total=max(until - first + 1, 0))  # type: ignore[arg-type]
            written = export_events(
                output,
                form=options["format"],
                first=first,
                last=last,
                on_batch=lambda events, at: bar.update(events, at - first + 1),
            )
            bar.close()
        self.stderr.write(f"{written:,} events exported")


@contextlib.contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    # Nobody takes half a file for a whole one: it gets its name when it is complete.
    draft = Path(f"{name}.part")
    with draft.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    draft.replace(name)
