"""The next page is read while the one before is applied, in a thread of its own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from types import TracebackType
from typing import Self

from users.sources.salesforce import pages
from users.sources.salesforce.client import Client
from users.sources.salesforce.options import Options
from users.sources.salesforce.pages import Page
from users.sources.salesforce.run_state import Run

Read = tuple[Page, int]  # and how many requests the run has made by then


class Ahead:
    """Reads pages of one run, at most one of them ahead.

    While it is at it nobody else may use the client; at the end it is waited for.
    """

    def __init__(self, client: Client, told: Options) -> None:
        """Read nothing yet."""
        self._client = client
        self._told = told
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
        self._next: Future[Read] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def has_page(self) -> bool:
        """Whether a page is being read, or was, that nobody has taken."""
        return self._next is not None

    def take(self, run: Run) -> Read:
        """Return the page after those that *run* has read; see ``pages.read``.

        Raises:
            SalesforceError: It could not be read; the run stands where it stood.
        """
        begun, self._next = self._next, None
        return begun.result() if begun else self._read(run)

    def begin(self, run: Run, page: Page) -> None:
        """Begin to read what comes after *page*, which *run* has yet to apply."""
        after = replace(run, last_id=page.last_id, last_stamp=page.last_stamp)
        self._next = self._pool.submit(copy_context().run, self._read, after)

    def _read(self, run: Run) -> Read:
        page = pages.read(self._client, run, self._told)
        return page, self._client.budget.calls
