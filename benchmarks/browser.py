"""Every question staff ask of the log, and how long the database takes to answer.

``python -m benchmarks.browser [--events N] [--rounds N]`` fills a log of its own, asks,
and prints one line a question.  No peers: nobody else answers these.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any
from uuid import UUID

import django
import psycopg

from config.embedded.environment import prepare

if TYPE_CHECKING:  # importing them needs Django set up
    from benchmarks.server import Server
    from eventstore.searching import EventFilter

FILL = Path(__file__).parent / "fill_log.sql"
YEAR = timedelta(days=365)
BOUND = 20.0  # ms that 95 of 100 queries may take
# What is built faster after the rows than beside them, and how it is built again.
INDEXES = """
SELECT
    format('ALTER TABLE events DROP CONSTRAINT %I', conname),
    format(
        'ALTER TABLE events ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)
    )
FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype IN ('p', 'u')
UNION ALL
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid = 'events'::regclass
AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""

Question = Callable[[], object]


def main() -> None:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browser")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    prepare()
    django.setup()
    from benchmarks import server  # noqa: PLC0415 - Django must be set up

    with server.running() as running:
        fill(running, options.events)
        print(f"{options.events:,} events, {options.rounds} calls of each")
        for line in report(options.events, options.rounds):
            print(line, flush=True)


def fill(running: Server, events: int) -> None:
    """Fill the empty log of *running*."""
    with psycopg.connect(running.conninfo, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '512MB'")
        indexes = connection.execute(INDEXES).fetchall()
        for drop, _create in indexes:
            connection.execute(drop)
        text = FILL.read_text(encoding="utf-8")
        psycopg.ClientCursor(connection).execute(text, {"size": events})
        connection.execute("SELECT setval('events_position_seq', %s)", [events])
        for _drop, create in indexes:
            connection.execute(create)
        connection.execute("VACUUM (ANALYZE) events")


def report(events: int, rounds: int) -> Iterator[str]:
    """Yield a table, a line a question, of what the database took."""
    yield "| asked | queries | p50 ms | p95 ms | slowest call ms |"
    yield "|---|--:|--:|--:|--:|"
    for name, ask in questions(events).items():
        calls = [timed(ask) for _ in range(rounds)]
        every = sorted(ms for call in calls for ms in call)
        cuts = quantiles(every, n=20, method="inclusive")
        most = max(len(call) for call in calls)
        slowest = max(sum(call) for call in calls)
        late = f"{cuts[-1]:.1f}" if cuts[-1] <= BOUND else f"**{cuts[-1]:.1f}**"
        yield f"| {name} | {most} | {cuts[9]:.1f} | {late} | {slowest:.0f} |"


def timed(ask: Question) -> list[float]:
    """Return the milliseconds of each query of *ask*, planning included."""
    from django.db import connection  # noqa: PLC0415 - Django must be set up

    asked: list[tuple[str, Any]] = []

    def note(execute: Any, statement: str, parameters: Any, *rest: Any) -> Any:
        asked.append((statement, parameters))
        return execute(statement, parameters, *rest)

    with connection.execute_wrapper(note):
        ask()
    queries = []
    with connection.cursor() as cursor:
        for statement, parameters in asked:
            told = f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON) {statement}"
            cursor.execute(told, parameters)
            times = [row.split() for (row,) in cursor.fetchall() if " Time: " in row]
            queries.append(sum(float(words[2]) for words in times))
    return queries


def _read_stream(stream: str) -> None:
    """Ask what ``store.read_stream`` asks, where a wrapper hears it."""
    from django.db import connection  # noqa: PLC0415

    from eventstore import sql  # noqa: PLC0415

    bounds = dict.fromkeys(("to_version", "at", "as_of"))
    with connection.cursor() as cursor:
        cursor.execute(
            sql.load("read_stream"), {"stream": stream, "from_version": 1, **bounds}
        )


def questions(events: int) -> dict[str, Question]:
    """Return every shape of a question, each with places of its own at each call."""
    from eventstore import browser, conversations  # noqa: PLC0415

    chance = random.Random(7)  # noqa: S311 - places to look at, no secrets
    now = datetime.now(tz=UTC)

    def anywhere() -> int:
        return chance.randrange(events // 10, events)

    def then() -> datetime:
        return now - chance.random() * 2.9 * YEAR

    def named(prefix: str, number: int) -> UUID:
        return UUID(hashlib.md5(f"{prefix} {number}".encode()).hexdigest())  # noqa: S324

    def conversation() -> UUID:
        return named("conversation", anywhere() // 2)

    def page(name: str, matching: Callable[[], EventFilter]) -> dict[str, Question]:
        return {
            name: lambda: browser.page(matching()),
            f"{name}; anywhere": lambda: browser.page(matching(), before=anywhere()),
            f"{name}; upwards": lambda: browser.page(matching(), after=anywhere()),
        }

    pages: dict[str, Question] = {}
    for name, matching in filters(now, then, conversation).items():
        pages |= page(name, matching)
    return pages | {
        "conversation": lambda: conversations.conversation(conversation()),
        "position_at": lambda: browser.position_at(then()),
        "around, one hour": lambda: browser.around(then(), timedelta(hours=1)),
        "read_stream": lambda: _read_stream(f"user-{named('stream', anywhere() // 5)}"),
        "event_at": lambda: browser.event_at(anywhere()),
        "totals": browser.totals,
    }


def filters(
    now: datetime, then: Callable[[], datetime], conversation: Callable[[], UUID]
) -> dict[str, Callable[[], EventFilter]]:
    """Return what may be asked of a page of the log."""
    from eventstore.searching import EventFilter  # noqa: PLC0415

    def day(**asked: Any) -> EventFilter:
        start = then()
        return EventFilter(since=start, until=start + timedelta(days=1), **asked)

    name, ended, status = ["UserNameChanged"], ["UserTagged"], ["UserStatusChanged"]
    three = ["UserNameChanged", "UserTagged", "UserErased"]
    force = "integration:salesforce"
    return {
        "nothing": EventFilter,
        "a common type": lambda: EventFilter(types=name),
        "an ended type": lambda: EventFilter(types=ended),
        "an absent type": lambda: EventFilter(types=["Nothing"]),
        "three types": lambda: EventFilter(types=three),
        "an actor": lambda: EventFilter(actors=["staff:ada7"]),
        "a source": lambda: EventFilter(sources=["rest"]),
        "type and source": lambda: EventFilter(types=name, sources=["rest"]),
        "type and source that never meet": lambda: EventFilter(
            types=status, sources=["salesforce"]
        ),
        "type and actor that never meet": lambda: EventFilter(
            types=status, actors=[force]
        ),
        "actor and source that never meet": lambda: EventFilter(
            actors=["client:crm"], sources=["salesforce"]
        ),
        "rare type and source": lambda: EventFilter(
            types=["UserErased"], sources=["rest"]
        ),
        "a day": day,
        "before a day": lambda: EventFilter(until=then()),
        "type, a day": lambda: day(types=name),
        "ended type, since a year": lambda: EventFilter(types=ended, since=now - YEAR),
        "ended type, until now": lambda: EventFilter(types=ended, until=now),
        "actor, since a day": lambda: EventFilter(actors=["staff:ada7"], since=then()),
        "absent source, since a day": lambda: EventFilter(
            sources=["web"], since=then()
        ),
        "type and source that never meet, since a day": lambda: EventFilter(
            types=status, sources=["salesforce"], since=then()
        ),
        "a short conversation": lambda: EventFilter(correlation_id=conversation()),
        "a long stream": lambda: EventFilter(streams=["user-long"]),
    }


if __name__ == "__main__":
    main()
