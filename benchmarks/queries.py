"""Every question that clients ask of users, and how long its answer takes.

``python -m benchmarks.queries [--users N] [--rounds N]`` fills directory and history,
asks through Django's test client (middleware, token, database and answer; no socket),
and prints one line a question.  No peers: nobody else answers these.
"""

from __future__ import annotations

import argparse
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import django
import psycopg
from django.test import Client

from config.embedded.environment import prepare

if TYPE_CHECKING:  # importing it needs Django set up
    from benchmarks.server import Server

FILL = Path(__file__).parent / "fill_users.sql"
BOUND = 200.0  # ms that 95 of 100 answers may take
DEEP = 10_000  # the page
PAGE = 50
OK = 200
WARM_UP = 3

Asked = Callable[[], dict[str, Any]]  # parameters of a list
Question = Callable[[], str]  # the address to ask


def main() -> None:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queries")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    prepare()
    django.setup()
    from benchmarks import server  # noqa: PLC0415 - Django must be set up

    with server.running() as running:
        fill(running, options.users)
        print(f"{options.users:,} users, {options.rounds} answers to each")
        for line in report(options.users, options.rounds):
            print(line, flush=True)


def fill(running: Server, users: int) -> None:
    """Fill the empty read models of *running*."""
    with psycopg.connect(running.conninfo, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '512MB'")
        text = FILL.read_text(encoding="utf-8")
        psycopg.ClientCursor(connection).execute(text, {"size": users})
        connection.execute("VACUUM (ANALYZE) projections_directoryentry")
        connection.execute("VACUUM (ANALYZE) projections_userperiod")


def report(users: int, rounds: int) -> Iterator[str]:
    """Yield a table, a line a question, of what the answers took."""
    from benchmarks.contestants.commands_annals import token  # noqa: PLC0415

    client = Client(headers={"Authorization": f"Bearer {token()}"})
    known = a_user()
    yield "| asked | p50 ms | p95 ms | slowest ms |"
    yield "|---|--:|--:|--:|"
    for name, question in questions(users, known).items():
        for _ in range(WARM_UP):
            timed(client, question())
        taken = [timed(client, question()) for _ in range(rounds)]
        cuts = quantiles(taken, n=20, method="inclusive")
        late = f"{cuts[-1]:.1f}" if cuts[-1] <= BOUND else f"**{cuts[-1]:.1f}**"
        yield f"| {name} | {cuts[9]:.1f} | {late} | {max(taken):.0f} |"


def timed(client: Client, address: str) -> float:
    """Return the milliseconds until the answer is there.

    Raises:
        SystemExit: It is none.
    """
    start = time.perf_counter()
    told = client.get(address, secure=True, headers={"Host": "localhost"})
    taken = (time.perf_counter() - start) * 1000
    if told.status_code != OK:
        message = f"{address}: {told.content.decode()}"
        raise SystemExit(message)
    return taken


def a_user() -> uuid.UUID:
    """Return somebody of five events, who is in the log and in the read models."""
    from eventstore import store  # noqa: PLC0415 - Django must be set up
    from eventstore.events import Metadata  # noqa: PLC0415
    from projections import directory, history  # noqa: PLC0415
    from users import services  # noqa: PLC0415
    from users.aggregate import USER  # noqa: PLC0415
    from users.commands import ChangeName, CreateUser  # noqa: PLC0415

    who = uuid.uuid4()
    known = Metadata(actor="client:b", source="rest", correlation_id=uuid.uuid4())
    email = "ada@benchmark.example"
    created = CreateUser(user_id=who, name="Ada Byron", email=email)
    services.execute(created, known)
    for number in range(4):
        services.execute(ChangeName(user_id=who, name=f"Ada King {number}"), known)
    events = store.read_stream(USER.stream(who))
    directory.apply(events)
    history.apply(events)
    return who


class Places:
    """Where to look: another place at each call."""

    def __init__(self, users: int) -> None:
        self.users = users
        self.now = datetime.now(tz=UTC)
        self._chance = random.Random(7)  # noqa: S311 - places to look at, no secrets

    def then(self) -> str:
        """Return an instant of the last three years."""
        return (self.now - self._chance.random() * timedelta(days=1000)).isoformat()

    def given(self) -> str:
        """Return a given name that many have."""
        return f"given{self._chance.randrange(300)}"

    def family(self) -> str:
        """Return a family name that few have."""
        return f"family{self._chance.randrange(20000)}"

    def person(self) -> str:
        """Return most of somebody's e-mail address."""
        return f"person{self._chance.randrange(self.users // 10, self.users)}@example"


def questions(users: int, who: uuid.UUID) -> dict[str, Question]:
    """Return every shape of a question, each with places of its own at each call."""
    places = Places(users)
    lists = {**orders(), **searches(places), **filters(places)}
    past = ["page 1", "by name", "search: a given name", "search: a rare word"]
    past += ["status", "rare source", "exact e-mail address"]

    def query(asked: Asked) -> Question:
        return lambda: listed(**asked())

    def at(name: str, kind: str) -> Question:
        return lambda: listed(**lists[name](), **{kind: places.then()})

    found = {name: query(asked) for name, asked in lists.items()}
    for kind in ("at", "as_of"):
        found |= {f"{name}, {kind}": at(name, kind) for name in past}
    user = f"/api/v1/users/{who}"
    addresses = {
        "one user": user,
        "one user, at": f"{user}?{urlencode({'at': places.now.isoformat()})}",
        "one user, events": f"{user}/events",
        "one user, history": f"{user}/history",
        "one user, explain": f"{user}/explain",
    }
    return found | {name: partial(str, address) for name, address in addresses.items()}


def orders() -> dict[str, Asked]:
    """Return lists of everybody."""
    return {
        "page 1": dict,
        f"page {DEEP:,}, newest first": lambda: deep("-created"),
        f"page {DEEP:,}, by name": lambda: deep("name"),
        "by name": lambda: {"ordering": "name"},
        "by update": lambda: {"ordering": "-updated"},
    }


def searches(places: Places) -> dict[str, Asked]:
    """Return searches for words."""
    given, family = places.given, places.family
    return {
        "search: a given name": lambda: {"q": given()},
        "search: name and family": lambda: {"q": f"{given()} {family()}"},
        "search: an e-mail address": lambda: {"q": places.person()},
        "search: a rare word": lambda: {"q": family()},
        "search: nobody": lambda: {"q": "zebedee"},
        "search: a word of everybody": lambda: {"q": "example"},
        "search by relevance: a given name": lambda: relevant(given()),
        "search by relevance: a rare word": lambda: relevant("family777"),
        "search by relevance: a word of everybody": lambda: relevant("example"),
    }


def filters(places: Places) -> dict[str, Asked]:
    """Return filters by fields, alone and together."""
    then = places.then
    since = {"status": "active", "source": "admin"}
    return {
        "exact e-mail address": lambda: {"email": f"{places.person()}.com"},
        "status": lambda: {"status": "suspended"},
        "status that nobody has": lambda: {"status": "deactivated"},
        "source": lambda: {"source": "salesforce"},
        "rare source": lambda: {"source": "admin"},
        "source that nobody has": lambda: {"source": "web"},
        "created since": lambda: {"created_since": then()},
        "created until": lambda: {"created_until": then()},
        "updated since": lambda: {"updated_since": then()},
        "updated until, by update": lambda: {
            "updated_until": then(),
            "ordering": "-updated",
        },
        "changed since": lambda: {"changed_since": 2 * places.users - 200},
        "status, source, created since": lambda: {**since, "created_since": then()},
        "search, status": lambda: {"q": places.given(), "status": "suspended"},
        "search, status, updated since": lambda: {
            "q": places.given(),
            "status": "active",
            "updated_since": then(),
        },
    }


def listed(**asked: Any) -> str:
    """Return the address of a list."""
    return f"/api/v1/users?{urlencode(asked)}"


def relevant(words: str) -> dict[str, str]:
    """Return what asks for the best first."""
    return {"q": words, "ordering": "relevance"}


def deep(ordering: str) -> dict[str, str]:
    """Return what asks for a page that is far down; the last there is, of a few."""
    from projections import pages  # noqa: PLC0415 - Django must be set up
    from projections.models import DirectoryEntry  # noqa: PLC0415

    if ordering not in _cursors:
        users = DirectoryEntry.objects.count()
        order = pages.ORDERINGS[ordering]
        sign = "-" if order.is_descending else ""
        rows = DirectoryEntry.objects.order_by(f"{sign}{order.field}", f"{sign}user_id")
        place = max(min(PAGE * (DEEP - 1), users - PAGE) - 1, 0)
        page = pages.page(
            DirectoryEntry.objects.filter(
                **{
                    f"{order.field}__{'lte' if sign else 'gte'}": getattr(
                        rows[place], order.field
                    )
                }
            ),
            ordering=ordering,
            limit=1,
        )
        _cursors[ordering] = page.cursor or ""
    return {"ordering": ordering, "cursor": _cursors[ordering]}


_cursors: dict[str, str] = {}  # where the deep page of each ordering begins


if __name__ == "__main__":
    main()
