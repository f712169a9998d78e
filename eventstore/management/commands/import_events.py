"""manage.py import_events: a file's events into the log, as history."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from django.core.management.base import BaseCommand, CommandError

from eventstore.archive.candidates import MAX_LINE_BYTES
from eventstore.archive.console import REFUSED, Progress, could_not_run
from eventstore.archive.importing import Imported, import_events
from eventstore.errors import ImportRefusedError
from eventstore.migrating import as_migrating_role

NEXT = "Now run `manage.py rebuild_claims`: the addresses of imported users are free."


KEYLESS = (
    "Persons in it are sealed under keys that are not in this vault: nobody can read "
    "them, and subscriptions wait. Bring the vault and its key ring: "
    "docs/reference/archive.md, Persons."
)


class Command(BaseCommand):
    """Imports what export_events wrote; running it again goes on where it stopped."""

    help = "Import events, NDJSON or CloudEvents; exits with 1 if a line is refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the file."""
        parser.add_argument("file", help="A file, or - for standard input.")
        parser.add_argument("--allow-unknown", action="store_true")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Import, telling how far it is on standard error."""
        as_json = options["json"]
        so_far = [Imported(lines=0, stored=0, skipped=0)]
        refusal = None
        # History is written past the append function, which only the owner may do.
        with could_not_run(), as_migrating_role(), _opened(options["file"]) as file:
            bar = Progress(self.stderr, "imported", total=_size(file))  # type: ignore[arg-type]

            def tell(done: Imported) -> None:
                so_far[0] = done
                bar.update(done.stored + done.skipped, _place(file))

            try:
                import_events(
                    _lines(file), allow_unknown=options["allow_unknown"], on_batch=tell
                )
            except ImportRefusedError as error:
                refusal = error
            bar.close()
        self._tell(so_far[0], refusal, as_json=as_json)

    def _tell(
        self, done: Imported, refusal: ImportRefusedError | None, *, as_json: bool
    ) -> None:
        if as_json:
            why = {"line": refusal.line, "reason": refusal.reason} if refusal else None
            facts = {**dataclasses.asdict(done), "refused": why}
            self.stdout.write(orjson.dumps(facts).decode())
        else:
            self.stdout.write(
                f"{done.stored:,} events imported, {done.skipped:,} were there already"
            )
        if refusal is not None:
            message = f"{refusal}; nothing of its batch was stored"
            raise CommandError(message, returncode=REFUSED) from refusal
        if done.keyless and not as_json:
            self.stdout.write(KEYLESS)
        elif done.stored and not as_json:
            self.stdout.write(NEXT)


@contextlib.contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as file:
        yield file


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        yield line


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size if file.seekable() else 0


def _place(file: BinaryIO) -> int:
    return file.tell() if file.seekable() else 0
