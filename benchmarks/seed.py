"""Fill the empty log of an installation with people, and its read models with them.

``STATE_DIR=FOLDER python -m benchmarks.seed [--users N] [--events N]``; then
``python -m benchmarks.pages`` measures there, and ``./run`` shows it to a person.

Everybody comes in through the bulk form of the commands: rules, claims, sealed personal
data, hashes, order.  Nobody is greeted: what causes effects starts behind the seed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from math import inf
from multiprocessing import get_context
from typing import TYPE_CHECKING
from uuid import UUID

import django
import uuid_utils.compat as uuid

from config.embedded.environment import prepare

if TYPE_CHECKING:  # importing them needs Django set up
    from eventstore.events import Metadata
    from users.bulk import Wanted

CHUNK = 2_000  # commands a transaction
TASK = 20_000  # users a task of a process
LONG = UUID(int=1)  # who has a long stream
LONG_EVENTS = 10_000
KNOWN = UUID(int=2)  # who has a long life
KNOWN_EVENTS = 1_000
TALK = UUID(int=3)  # a conversation
TALK_USERS = 250  # of two events each
STATUSES = ("suspended", "active")  # in turns


def main() -> None:
    """Fill, and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    os.environ.setdefault("CELERY_BROKER_URL", "memory://")  # there is nobody to ring
    prepare()
    _set_up()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    _refuse_people()
    began = time.monotonic()
    context = get_context("spawn")  # a connection survives no fork
    with ProcessPoolExecutor(options.processes, context, initializer=_set_up) as pool:
        most = max(options.events // options.users, 1)
        starts = range(0, options.users, TASK)
        done = 0
        for count in pool.map(partial(people, options.users, most), starts):
            done += count
            _tell(began, f"{done:,} events recorded")
        special()
        _start_effects_here()
        for name in pool.map(catch_up, _read_models()):
            _tell(began, f"{name} is up to date")
    _analyze()
    _tell(began, "done")


def people(users: int, most: int, start: int) -> int:
    """Record the lives of the users from number *start* on; return how many events."""
    from users import bulk  # noqa: PLC0415 - Django must be set up

    done = 0
    until = min(start + TASK, users)
    lives = (wanted for number in range(start, until) for wanted in life(number, most))
    for chunk in iter(lambda: list(islice(lives, CHUNK)), []):
        for result in bulk.execute_each(chunk):
            if isinstance(result, Exception):
                raise result
            done += 1
    return done


def life(number: int, most: int) -> Iterator[Wanted]:
    """Yield the commands for one user, *most* of them; the same at each call."""
    from users.bulk import Wanted  # noqa: PLC0415
    from users.commands import (  # noqa: PLC0415
        ChangeEmail,
        ChangeName,
        ChangeStatus,
        CreateUser,
    )
    from users.values import Status  # noqa: PLC0415

    chance = random.Random(number)  # noqa: S311 - people, no secrets
    who = UUID(int=(number + 1) << 64 | chance.getrandbits(62) | 1 << 63)
    family = f"Family{chance.randrange(20_000)}"
    name = f"Given{chance.randrange(300)} {family}"
    email = f"person{number}@example.com"
    yield Wanted(
        command=CreateUser(user_id=who, name=name, email=email),
        metadata=circumstances(chance),
    )
    status = 0
    for turn in range(most - 1):
        known = circumstances(chance)
        (kind,) = chance.choices(("name", "email", "status"), (5, 3, 2))
        if kind == "name":
            given = f"Given{chance.randrange(300)} {turn} {family}"
            yield Wanted(command=ChangeName(user_id=who, name=given), metadata=known)
        elif kind == "email":
            email = f"person{number}.{turn}@example.com"
            yield Wanted(command=ChangeEmail(user_id=who, email=email), metadata=known)
        else:
            word = Status(STATUSES[status % 2])
            command = ChangeStatus(user_id=who, status=word, reason="seed")
            yield Wanted(command=command, metadata=known)
            status += 1


def circumstances(chance: random.Random) -> Metadata:
    """Return by whom, and through what: clients, Salesforce or staff."""
    from eventstore.events import Metadata  # noqa: PLC0415

    (source,) = chance.choices(("rest", "salesforce", "admin"), (11, 6, 3))
    actor = {
        "rest": f"client:crm-{chance.randrange(5)}",
        "salesforce": "integration:salesforce",
        "admin": f"staff:ada{chance.randrange(50)}",
    }[source]
    return Metadata(actor=actor, source=source, correlation_id=uuid.uuid7())


def special() -> None:
    """Record what is longer than usual: two users, and one conversation."""
    from eventstore.events import Metadata  # noqa: PLC0415
    from users import bulk  # noqa: PLC0415
    from users.bulk import Wanted  # noqa: PLC0415
    from users.commands import ChangeName, CreateUser  # noqa: PLC0415

    known = Metadata(actor="client:crm-0", source="rest", correlation_id=TALK)
    wanted = []
    for number in range(TALK_USERS):
        who, email = uuid.uuid7(), f"talk{number}@example.com"
        created = CreateUser(user_id=who, name="Ada Byron", email=email)
        renamed = ChangeName(user_id=who, name="Ada King")
        wanted += [Wanted(command=each, metadata=known) for each in (created, renamed)]
    chance = random.Random(7)  # noqa: S311
    for who, events in ((LONG, LONG_EVENTS), (KNOWN, KNOWN_EVENTS)):
        created = CreateUser(
            user_id=who, name="Ada Byron", email=f"long{events}@example.com"
        )
        wanted.append(Wanted(command=created, metadata=circumstances(chance)))
        for turn in range(events - 1):
            named = ChangeName(user_id=who, name=f"Ada King {turn}")
            wanted.append(Wanted(command=named, metadata=circumstances(chance)))
    bulk.execute_each(wanted)


def catch_up(name: str) -> str:
    """Bring one read model up to the log."""
    from eventstore import subscriptions  # noqa: PLC0415

    subscriptions.catch_up(subscriptions.find(name), seconds=inf)
    return name


def _set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from config.garbage import leave_the_code_out  # noqa: PLC0415

    leave_the_code_out()  # as web and worker do


def _refuse_people() -> None:
    from projections.models import DirectoryEntry  # noqa: PLC0415

    if DirectoryEntry.objects.exists():
        sys.exit("There are people already: name an empty folder as STATE_DIR.")


def _read_models() -> list[str]:
    from eventstore import subscriptions  # noqa: PLC0415
    from eventstore.subscriptions import Projection  # noqa: PLC0415

    listed = subscriptions.all_subscriptions()
    return [each.name for each in listed if isinstance(each, Projection)]


def _start_effects_here() -> None:
    from eventstore import store  # noqa: PLC0415
    from eventstore.models import Checkpoint  # noqa: PLC0415

    others = Checkpoint.objects.exclude(subscription__in=_read_models())
    others.update(position=store.watermark())


def _analyze() -> None:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _tell(began: float, words: str) -> None:
    print(f"{time.monotonic() - began:7,.0f} s  {words}", flush=True)


if __name__ == "__main__":
    main()
