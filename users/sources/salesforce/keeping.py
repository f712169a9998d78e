"""Rows as Salesforce sent them -> the raw store of the intake."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from eventstore.events import SALESFORCE
from eventstore.intake import raw, settling
from eventstore.intake.raw import RECORD, Received, Settled
from users.aggregate import USER
from users.models import SalesforceLink
from users.sources.salesforce import links
from users.sources.salesforce.comparing import Case
from users.sources.salesforce.translate import (
    MAPPER,
    MAPPER_VERSION,
    Observed,
    user_id_of,
)

SORTED = json.JSONEncoder(sort_keys=True).encode  # takes halves of characters, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A row that makes no sense.

    Attributes:
        code: Why; no personal data.
        sf_id: Its record; empty if it has no proper id.
    """

    row: Mapping[str, Any]
    code: str
    sf_id: str


def keep(
    cases: Sequence[Case],
    unusable: Sequence[Unusable],
    known: Mapping[str, SalesforceLink],
) -> int:
    """Keep the rows that say something new, as received; none of an erased person.

    Must run in the transaction that records what they led to.

    Args:
        cases: Records, and what they led to.
        unusable: Rows that make no sense.
        known: Links of those.

    Returns:
        How many are quarantined; not counting those that somebody said to skip.
    """
    received, settled = [], []
    subjects = {each.sf_id: _subject(each.sf_id, known) for each in unusable}
    gone = _erased_meanwhile(cases, subjects.values())
    for case in cases:
        if case.stream in gone:
            continue
        received.append(_received(case.raw_key, case.row))
        settled.append(
            Settled(
                state=_raw_state(case),
                entity=case.seen.sf_id,
                subject=case.stream,
                mapper=MAPPER,
                mapper_version=MAPPER_VERSION,
                error=case.quarantined,
            )
        )
    living = [each for each in unusable if subjects[each.sf_id] not in gone]
    for row in living:
        received.append(_received(_fingerprint(row.row), row.row))
        settled.append(
            Settled(
                state="quarantined",
                entity=row.sf_id,
                subject=subjects[row.sf_id],
                mapper=MAPPER,
                mapper_version=MAPPER_VERSION,
                error=row.code,
            )
        )
    kept = raw.keep(received, settled=settled)
    settling.resettle(kept, settled)
    unused = [
        each
        for each, its in zip(kept, settled, strict=True)
        if its.state == "quarantined"
    ]
    return len(unused) - settling.skipped(unused)


def close(sf_ids: Collection[str]) -> None:
    """Close what is quarantined of records that make sense by now.

    Must run in the transaction that records what they said, after :func:`keep`.
    """
    settling.overtake(SALESFORCE, sf_ids)


def hand_over(cases: Sequence[Case]) -> None:
    """Let hints at newly linked records be about whom they turned out to tell of.

    They go when that person is erased.  Must run in the transaction with the links.
    """
    subjects = {
        USER.stream(user_id_of(case.seen.sf_id)): case.stream
        for case in cases
        if case.is_matched and not case.is_erased
    }
    if subjects:
        links.settle()
        raw.tell_of(subjects)


def _erased_meanwhile(cases: Sequence[Case], others: Iterable[str]) -> set[str]:
    """Return the streams, of cases that appended nothing, whose person is gone by now.

    And those of *others*.  Who erases them from here on waits, and finds the record
    that is kept.  Where something was appended, the version of the stream says so
    already.
    """
    silent = {case.stream for case in cases if not case.commands and case.version}
    return raw.erased_among(silent | set(filter(None, others)))


def _subject(sf_id: str, known: Mapping[str, SalesforceLink]) -> str:
    link = known.get(sf_id)
    return sf_id and USER.stream(link.user_id if link else user_id_of(sf_id))


def _raw_state(case: Case) -> str:
    if case.quarantined:
        return "quarantined"
    is_applied = case.commands or case.withheld or case.passed
    return "applied" if is_applied else "unchanged"


def _received(key: str, row: Mapping[str, Any]) -> Received:
    return Received(
        source=SALESFORCE,
        kind=RECORD,
        body=json.dumps(row).encode(),  # takes halves of characters, too
        key=key,
        content_type="application/json",
    )


def key_of(seen: Observed, row: Mapping[str, Any]) -> str:
    """Return the key of this version of a record: the same one whenever it is read."""
    return f"{seen.sf_id}@{seen.stamp:%Y%m%dT%H%M%S}.{_digest(row)}"


def _fingerprint(row: Mapping[str, Any]) -> str:
    return f"unusable.{_digest(row)}"


def _digest(row: Mapping[str, Any]) -> str:
    said = {name: value for name, value in row.items() if name != "attributes"}
    key = raw.content_hash(SALESFORCE, SORTED(said).encode())
    return sha256(key).hexdigest()[:24]
