"""What becomes of an erased person beside the log: purged at once, checked later.

The log needs no purging: the key is destroyed with the append (ADR-0009).
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection, transaction

from eventstore import codec, copies, sql, vault
from eventstore.exports import keeping
from eventstore.subscriptions import Reactor, all_subscriptions

_others: list[Callable[[str], None]] = []


def register(forget_also: Callable[[str], None]) -> None:
    """Let *forget_also*, told a subject, delete what no subscription keeps of it."""
    if forget_also not in _others:
        _others.append(forget_also)


def forget(subject: str) -> None:
    """Delete what is kept of *subject* beside the log; must run in a transaction.

    That includes tables that are being built, those that were switched away from, and
    files of exports.  A
    worker that holds older events of the person may still write a row.  It goes when
    the worker comes to the event that erased them.
    """
    copied = copies.hold()  # before any row is touched, as every switch does
    for subscription in all_subscriptions():
        if not isinstance(subscription, Reactor) and subscription.forget is not None:
            subscription.forget(subject)
            for name, schema in copied:
                if name == subscription.name:
                    with copies.within(name, schema):
                        subscription.forget(subject)
    keeping.withdraw(subject)
    for forget_also in _others:  # behind the lock that withdrawing holds
        forget_also(subject)


def undone() -> list[str]:
    """Return the subjects whom the log says are erased and whose keys are there.

    There are some after an older copy of the vault was restored, or when events were
    imported.  Carried by ``events_type``: O(erasures).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            sql.load("find_undone_erasures"), {"types": codec.erasing_types()}
        )
        return [subject for (subject,) in cursor.fetchall()]


def reapply() -> int:
    """Erase again whoever is :func:`undone`; return how many there were.

    A transaction each.  Running it again changes nothing.
    """
    subjects = undone()
    for subject in subjects:
        with transaction.atomic():
            vault.destroy(subject)
            forget(subject)
    return len(subjects)
