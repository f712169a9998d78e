"""What the feed asks the database: short, synchronous, in threads of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from eventstore import browser, faults
from eventstore.browser import Stretch
from eventstore.searching import EventFilter
from users import tokens

BATCH_SIZE = 500  # events a query

P = ParamSpec("P")
T = TypeVar("T")


class Readers:
    """A few threads, each with a database connection that it keeps."""

    def __init__(self, name: str, *, threads: int) -> None:
        self._connections: list[BaseDatabaseWrapper] = []
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix=name, initializer=self._begin
        )

    async def run(
        self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Ask the database from a thread; return the answer, or raise its error."""
        loop = asyncio.get_running_loop()

        def ask() -> T:
            close_old_connections()  # one that broke is not used again
            try:
                return question(*args, **kwargs)
            except (InterfaceError, OperationalError) as error:
                if faults.is_too_slow(error):
                    raise
                close_old_connections()  # it broke while nobody asked: ask once more
                return question(*args, **kwargs)

        return await loop.run_in_executor(self._pool, ask)

    async def close(self) -> None:
        """Wait for what is being asked, and end the threads and their connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        for each in self._connections:
            each.close()

    def _begin(self) -> None:
        own = connections[DEFAULT_DB_ALIAS]
        own.inc_thread_sharing()  # whoever closes us closes it
        self._connections.append(own)


def stretch(matching: EventFilter, after: int) -> Stretch:
    """Return the next matching events after a position, in order."""
    return browser.following(matching, after=after, limit=BATCH_SIZE)


def dead(digests: Collection[bytes]) -> set[bytes]:
    """Return those of the tokens' digests that no longer work."""
    alive = {bytes(token.digest) for token in tokens.live(digests)}
    return set(digests) - alive
