"""What long command lines share: how far they are, and how they end.

Exit codes: 0 fine, 1 refused or different, 2 could not run.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TextIO

import psycopg.errors
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError

REFUSED = 1
COULD_NOT_RUN = 2
BAR_WIDTH = 30  # characters
PLAIN_SECONDS = 10.0  # between lines where nobody watches
TTY_SECONDS = 0.1  # between redraws where somebody does


class Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(
        self,
        stream: TextIO,
        verb: str,
        *,
        total: int,
        noun: str = "event",
        nouns: str = "",
    ) -> None:
        """Write to *stream*; *total* is what *reached* ends at, 0 if unknown.

        *nouns* is the plural of *noun* where that does not end in s.
        """
        self._stream = stream
        self._verb = verb
        self._noun, self._nouns = noun, nouns
        self._total = total
        self._is_tty = stream.isatty()
        self._next = time.monotonic() + (0 if self._is_tty else PLAIN_SECONDS)

    def update(self, count: int, reached: int) -> None:
        """Show *count* done, and *reached* of the total."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (TTY_SECONDS if self._is_tty else PLAIN_SECONDS)
        self._stream.write(self._line(count, reached))
        self._stream.flush()

    def close(self) -> None:
        """Leave the terminal's line to whatever is said next."""
        if self._is_tty:
            self._stream.write("\r\x1b[K")

    def _line(self, count: int, reached: int) -> str:
        told = f"{self._verb} {counted(count, self._noun, self._nouns)}"
        if not self._total:
            return f"\r\x1b[K{told}" if self._is_tty else f"{told}\n"
        share = min(reached / self._total, 1)
        if not self._is_tty:
            return f"{told}, {share:.0%}\n"
        done = int(share * BAR_WIDTH)
        bar = "█" * done + "░" * (BAR_WIDTH - done)
        return f"\r\x1b[K{bar} {share:.0%}  {told}"


def counted(count: int, one: str, many: str = "") -> str:
    """Return *count* and what is counted: ``1 record``, ``2,000 records``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@contextlib.contextmanager
def could_not_run() -> Iterator[None]:
    """Turn what keeps a command from running into one sentence and exit code 2.

    Raises:
        CommandError: A file or the database does not answer.
    """
    try:
        yield
    except OSError as error:
        message = f"cannot use {error.filename or 'the file'}: {error.strerror}"
        raise CommandError(message, returncode=COULD_NOT_RUN) from error
    except (DatabaseError, InterfaceError) as error:
        if isinstance(error.__cause__, psycopg.errors.UndefinedTable):
            message = "the database is not prepared: run manage.py migrate first"
            raise CommandError(message, returncode=COULD_NOT_RUN) from error
        message = f"the database did not do its part: {error}"
        raise CommandError(message, returncode=COULD_NOT_RUN) from error
