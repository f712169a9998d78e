"""How long the database may work on one statement of the web and of the feed.

Only their entry points ask for it: workers, migrations and exports take their time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg.pq import TransactionStatus

_SOUND = {TransactionStatus.IDLE, TransactionStatus.INTRANS}


def bound_the_database() -> None:
    """Let the database end slow statements and idle transactions of this process.

    Must run before the first connection.  0 is no bound.
    """
    told = {
        "statement_timeout": settings.DATABASE_STATEMENT_SECONDS,
        "idle_in_transaction_session_timeout": settings.DATABASE_IDLE_SECONDS,
    }
    # What the installation says itself stands last, and so it wins.
    options = settings.DATABASES["default"].setdefault("OPTIONS", {})
    ours = " ".join(f"-c {name}={seconds}s" for name, seconds in told.items())
    options["options"] = f"{ours} {options.get('options', '')}".strip()


@contextlib.contextmanager
def bound_reads() -> Iterator[None]:
    """Let the database end each statement inside after ``DATABASE_READ_SECONDS``.

    0 changes nothing.  Costs two round trips, and none where nothing is asked; what the
    connection was told when it was opened holds again afterwards.
    """
    if not settings.DATABASE_READ_SECONDS:
        yield
        return
    bound = _Bound()
    try:
        with connection.execute_wrapper(bound):
            yield
    finally:
        bound.lift()


class _Bound:
    """Tells a connection how long it may take, when it is first asked something."""

    told: Any = None

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        raw = statement[-1]["connection"].connection
        if raw is not self.told and raw.info.transaction_status in _SOUND:
            raw.execute(f"SET statement_timeout = '{settings.DATABASE_READ_SECONDS}s'")
            self.told = raw
        return execute(*statement)

    def lift(self) -> None:
        # A transaction that failed takes its settings back by itself.
        if self.told is not None and self.told.info.transaction_status in _SOUND:
            self.told.execute("RESET statement_timeout")
