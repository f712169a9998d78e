"""Every page that staff open all day, and how long the server takes for it.

``STATE_DIR=FOLDER python -m benchmarks.pages [--rounds N]``, after
``python -m benchmarks.seed`` filled that installation.  Asks through Django's test
client, as a superuser (middleware, session, database and template; no socket), and
prints one line a page.  No peers: nobody else shows these.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

import django
from django.test import Client

from benchmarks.seed import KNOWN, KNOWN_EVENTS, LONG, LONG_EVENTS, TALK
from config.embedded.environment import prepare
from config.garbage import leave_the_code_out

OK = 200
WARM_UP = 2
EVENTS = "/admin/eventstore/event/"
USERS = "/admin/users/userview/"

Address = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Page:
    """One page, and how long 95 of 100 answers may take, in milliseconds."""

    name: str
    address: Address
    bound: float


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    prepare()
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from eventstore import store  # noqa: PLC0415 - Django must be set up
    from projections.models import DirectoryEntry  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    leave_the_code_out()  # as the server does
    mark, users = store.watermark(), DirectoryEntry.objects.count()
    print(f"{mark:,} events, {users:,} users, {options.rounds} answers to each")
    for line in report(mark, options.rounds):
        print(line, flush=True)


def report(mark: int, rounds: int) -> Iterator[str]:
    """Yield a table, a line a page, of what the answers took."""
    from django.db import connection  # noqa: PLC0415

    asked: list[str] = []

    def note(execute: Any, statement: str, *rest: Any) -> Any:
        asked.append(statement)
        return execute(statement, *rest)

    client = superuser()
    yield "| page | queries | kB | p50 ms | p95 ms | bound |"
    yield "|---|--:|--:|--:|--:|--:|"
    for page in pages(mark):
        for _ in range(WARM_UP):
            answered(client, page.address())
        asked.clear()
        with connection.execute_wrapper(note):
            size = len(answered(client, page.address()).content) / 1000
        taken = []
        for _ in range(rounds):
            address = page.address()
            start = time.perf_counter()
            answered(client, address)
            taken.append((time.perf_counter() - start) * 1000)
        cuts = quantiles(taken, n=20, method="inclusive")
        late = f"{cuts[-1]:.0f}" if cuts[-1] <= page.bound else f"**{cuts[-1]:.0f}**"
        told = f"{len(asked)} | {size:.0f} | {cuts[9]:.0f} | {late} | {page.bound:.0f}"
        yield f"| {page.name} | {told} |"


def answered(client: Client, address: str) -> Any:
    """Return the answer.

    Raises:
        SystemExit: It is no page.
    """
    answer = client.get(address, headers={"Host": "localhost"})
    if answer.status_code != OK:
        message = f"{address}: {answer.status_code} {answer.headers.get('Location')}"
        raise SystemExit(message)
    return answer


def superuser() -> Client:
    """Log in somebody who may do everything."""
    from django.contrib.auth.models import User  # noqa: PLC0415

    client, now = Client(), time.time()
    known = User.objects.filter(username="benchmark").first()
    client.force_login(known or User.objects.create_superuser("benchmark"))
    session = client.session
    clocks = dict.fromkeys(("begun_at", "seen_at", "proved_at"), now)
    session.update({**clocks, "factor": "none"})
    session.save()
    return client


def pages(mark: int) -> list[Page]:
    """Return the pages, each with places of its own at each call."""
    chance = random.Random(7)  # noqa: S311 - places to look at, no secrets

    def anywhere() -> int:
        return chance.randrange(mark // 10, mark)

    def events(**asked: object) -> str:
        return f"{EVENTS}?{urlencode(asked)}"

    def users(**asked: object) -> str:
        return f"{USERS}?{urlencode(asked)}"

    def then() -> str:
        ago = timedelta(minutes=chance.random() * 5)
        return (datetime.now(tz=UTC) - ago).isoformat().replace("+00:00", "Z")

    def given() -> str:
        return f"given{chance.randrange(300)}"

    known = f"{USERS}{KNOWN}/change/"
    stream = f"/admin/s/user-{LONG}"
    return [
        Page("dashboard", lambda: "/admin/", 150),
        Page("events", lambda: EVENTS, 150),
        Page("events, near the beginning", lambda: events(before=200), 150),
        Page("events, anywhere", lambda: events(before=anywhere()), 150),
        Page("events, 200 a page", lambda: events(limit=200), 300),
        Page(
            "events, type and source",
            lambda: events(type="UserStatusChanged", source="salesforce"),
            150,
        ),
        Page("events, one type", lambda: events(type="UserEmailChanged"), 150),
        Page("events, a person's acts", lambda: events(actor="staff:ada7"), 150),
        Page("events, around an instant", lambda: events(around=then()), 150),
        Page("one event", lambda: f"{EVENTS}{anywhere()}/", 150),
        Page("conversation of 500 events", lambda: f"/admin/c/{TALK}", 300),
        Page(f"stream of {LONG_EVENTS:,} events", lambda: stream, 300),
        Page("its state at two versions", lambda: f"{stream}?from=3&to=9000", 300),
        Page("streams", lambda: "/admin/eventstore/stream/", 150),
        Page("users", lambda: USERS, 150),
        Page("users, search", lambda: users(q=given()), 150),
        Page("users, one address", lambda: users(q="person777@example.com"), 150),
        Page("users, as at an instant", lambda: users(at=then()), 150),
        Page(f"user of {KNOWN_EVENTS:,} events", lambda: known, 250),
        Page(
            "user, at a version", lambda: f"{known}?v={chance.randrange(1, 999)}", 250
        ),
        Page(
            "user, at an instant", lambda: f"{known}?{urlencode({'at': then()})}", 250
        ),
        Page("user, state", lambda: f"{known}?tab=state", 250),
        Page("user, effects", lambda: f"{known}?tab=effects", 250),
        Page("audit", lambda: "/admin/audit/", 150),
        Page("subscriptions", lambda: "/admin/eventstore/subscription/", 150),
        Page("dead letters", lambda: "/admin/eventstore/deadletter/", 150),
    ]


if __name__ == "__main__":
    main()
