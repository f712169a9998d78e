"""What must hold after every fault; each says in a sentence what does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connection
from django.db.models import Sum

from eventstore.models import DeadLetter, StoredEvent
from projections import reprocess, scopes
from projections.models import Activity, StreamHead
from tests import databases
from tests.faults.installation import Installation
from tests.faults.listening import Listener
from tests.faults.load import Load

CLIENT = "client:journey"
KINDS = 2  # of effects: e-mails and webhooks

# The directory's table remembers each version it was given, in the order of commits.
# A row that is written anew for the whole table, as a rebuild does, is none of these.
REMEMBER = """
CREATE TABLE written (place bigserial, user_id uuid, version bigint);
GRANT ALL ON written, written_place_seq TO PUBLIC;
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO written (user_id, version) VALUES (new.user_id, new.version);
    RETURN new;
END $$;
CREATE TRIGGER remember AFTER INSERT OR UPDATE ON projections_directoryentry
FOR EACH ROW EXECUTE FUNCTION remember();
"""
NOT_DENSE = """
SELECT count(*) FROM (
    SELECT version, row_number() OVER (PARTITION BY stream ORDER BY position) AS due
    FROM events
) AS e WHERE version <> due
"""
NOT_ONWARD = """
SELECT count(*) FROM (
    SELECT version, lag(version) OVER (PARTITION BY user_id ORDER BY place) AS before
    FROM written
) AS w WHERE version <= before
"""


@dataclass(kw_only=True)
class Case:
    """All that the invariants look at.

    Attributes:
        haste: By how much faults last shorter than in the long form.
        interruptions: How often, so far, a worker may have been stopped between an
            effect and its row: each may send one effect of each kind once more.
    """

    crew: Installation
    load: Load
    listener: Listener
    haste: int = 1
    interruptions: int = 0


Invariant = Callable[[Case], Iterator[str]]


def watch() -> None:
    """Let the directory's table remember; once, before anything is recorded."""
    superuser(REMEMBER)


def superuser(statement: str) -> None:
    """Do what the application's role cannot."""
    with databases.acting_as("none"), connection.cursor() as cursor:
        cursor.execute(statement)


def recorded_once(case: Case) -> Iterator[str]:
    """Every command answered 202 is in the log exactly once, and nothing else is."""
    yield from case.load.refused
    mine = StoredEvent.objects.filter(actor=CLIENT)
    found = Counter(
        (str(command), stream, version, position)
        for command, stream, version, position in mine.values_list(
            "causation_id", "stream", "version", "position"
        )
    )
    told = Counter(
        (each.command_id, each.stream, each.version, each.position)
        for each in case.load.accepted
    )
    if lost := told - found:
        yield f"{lost.total()} commands were accepted and are not in the log"
    if more := found - told:
        yield f"{more.total()} events of clients were never answered for"


def in_order(_case: Case) -> Iterator[str]:
    """The versions of each stream are dense, and read models only ever move on."""
    with connection.cursor() as cursor:
        for query, what in [(NOT_DENSE, "events"), (NOT_ONWARD, "rows")]:
            cursor.execute(query)
            if count := cursor.fetchone()[0]:
                yield f"{count} {what} are out of order"


def folded(_case: Case) -> Iterator[str]:
    """Each row of each read model is the fold of the log."""
    preview = reprocess.preview_many(scopes.everybody(), whole=True)
    if preview.would_change or preview.failed:
        yield f"{preview.would_change} users differ, {len(preview.failed)} fail"
    users = StoredEvent.objects.filter(type="UserCreated").count()
    if preview.users != users:
        yield f"{preview.users} users have rows, of {users}"
    events = StoredEvent.objects.count()
    heads = StreamHead.objects.aggregate(events=Sum("version"))["events"]
    counted = Activity.objects.aggregate(events=Sum("events"))["events"]
    if not events == heads == counted:
        yield f"of {events} events, heads know {heads} and counters {counted}"
    if waiting := DeadLetter.objects.filter(closed_at=None).count():
        yield f"{waiting} streams are set aside"


def effects_once(case: Case) -> Iterator[str]:
    """Each effect happened, once, or once more for each interruption."""
    created = StoredEvent.objects.filter(type="UserCreated")
    due = {str(each) for each in created.values_list("event_id", flat=True)}
    for name, keys in sent(case).items():
        if lost := due - keys.keys():
            yield f"{len(lost)} of {len(due)} were never sent: {name}"
        if strange := keys.keys() - due:
            yield f"{len(strange)} were sent that nothing called for: {name}"
    if sent_again(case) > KINDS * case.interruptions:
        yield f"{sent_again(case)} effects arrived again"


def heard_once(case: Case) -> Iterator[str]:
    """Whoever resumes the feed hears every event once, in order."""
    known = list(StoredEvent.objects.order_by("position").values_list("pk", flat=True))
    heard = case.listener.heard
    if heard != known:
        lost, more = set(known) - set(heard), len(heard) - len(set(heard))
        yield f"the listener missed {len(lost)} events and heard {more} again"


INVARIANTS: dict[str, Invariant] = {
    "recorded once": recorded_once,
    "in order": in_order,
    "fold": folded,
    "effects": effects_once,
    "feed": heard_once,
}


def broken(case: Case) -> list[str]:
    """Return what does not hold; nothing may be under way."""
    return [
        f"{name}: {what}"
        for name, invariant in INVARIANTS.items()
        for what in invariant(case)
    ]


def sent(case: Case) -> dict[str, Counter[str]]:
    """Return how often each key arrived, for each kind of effect."""
    ids = [each["Message-ID"].strip("<>") for each in case.crew.mails.mails]
    return {
        "e-mails": Counter(each.rpartition("@")[0] for each in ids),
        "webhooks": Counter(
            each.headers["webhook-id"] for each in case.crew.hooks.received
        ),
    }


def sent_again(case: Case) -> int:
    """Return how many arrivals repeated one before them."""
    return sum(keys.total() - len(keys) for keys in sent(case).values())
