"""Which streams of a category have events in a range of positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from eventstore import sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The streams of *category* with an event from *first* to *last*, inclusive."""

    category: str
    first: int
    last: int

    def streams(self, *, after: int, limit: int) -> list[tuple[int, str]]:
        """Return up to *limit* streams, each with its first position in the range.

        Every stream once, in order of that position.

        Args:
            after: Position, exclusive: that of the last stream before these.
            limit: At most so many.
        """
        beyond = max(after, self.first - 1)
        return self._rows("find_touched", after=beyond, size=limit)

    def count(self) -> int:
        """Return how many there are.  O(events of the range)."""
        ((count,),) = self._rows("count_touched")
        return int(count)

    def sample(self, size: int) -> list[str]:
        """Return *size* of them at random, each as likely.  O(events of the range)."""
        return [stream for (stream,) in self._rows("sample_touched", size=size)]

    def _rows(self, statement: str, **more: int) -> list[Any]:
        parameters: dict[str, Any] = {
            "prefix": f"{self.category}-",
            "first": self.first,
            "until": self.last,
            **more,
        }
        with connection.cursor() as cursor:
            cursor.execute(sql.load(statement), parameters)
            return list(cursor.fetchall())


def unknown(streams: Sequence[str]) -> set[str]:
    """Return those of *streams* of which the log knows nothing.  One query."""
    with connection.cursor() as cursor:
        cursor.execute(sql.load("find_unknown"), {"streams": list(streams)})
        return {stream for (stream,) in cursor.fetchall()}
