"""What an import owes to persons: they are sealed, and who is erased stays erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from eventstore import codec, erasure, sealing, vault, wire
from eventstore.archive.rows import Row, leaf_of
from eventstore.codec import SEALED, EventType
from eventstore.events import ERASED, RecordedEvent
from eventstore.hashing import canonical
from eventstore.vault import DataKey


def sealed(rows: Sequence[Row]) -> list[Row]:
    """Return *rows* with what they tell of persons in clear sealed, as append does.

    Must run in the transaction that stores them.  No query when all is sealed.
    """
    clear = {
        place: (known, payload)
        for place, row in enumerate(rows)
        if (known := codec.type_named(row.type)) is not None and known.personal
        if codec.tells_of_somebody(row.type, payload := orjson.loads(row.data))
    }
    if not clear:
        return list(rows)
    subjects = {p: _subject(rows[p], *told) for p, told in clear.items()}
    keys = vault.kept(set(subjects.values()))
    done = list(rows)
    for place, (known, payload) in clear.items():
        subject = subjects[place]
        done[place] = _sealed(rows[place], known, payload, subject, keys[subject])
    return done


def without_keys(rows: Sequence[Row]) -> int:
    """Return how many persons in *rows* have no key here.  One query."""
    payloads = [orjson.loads(row.data) for row in rows if SEALED in row.data]
    subjects = {each[SEALED]["subject"] for each in payloads if sealing.is_sealed(each)}
    if not subjects:
        return 0
    ((count,),) = wire.rows("count_keyless", {"subjects": list(subjects)})
    missing: int = count
    return missing


def is_the_same(row: Row, stored: RecordedEvent) -> bool:
    """Say whether *row*, told in clear, is what was sealed and *stored* before."""
    told = row._replace(
        position=stored.position,
        data=stored.data if stored.is_erased else orjson.loads(row.data),
        metadata=orjson.loads(row.metadata),
    )
    names = set(Row._fields) - {"salt", "leaf"}
    return all(getattr(told, name) == getattr(stored, name) for name in names)


def erase(rows: Sequence[Row]) -> None:
    """Destroy the keys of whom *rows* erase, and purge what is kept of them."""
    erasing = set(codec.erasing_types())
    for stream in sorted({row.stream for row in rows if row.type in erasing}):
        vault.destroy(stream)
        erasure.forget(stream)


def _subject(row: Row, known: EventType | None, payload: Mapping[str, Any]) -> str:
    return str(payload[known.subject]) if known and known.subject else row.stream


def _sealed(
    row: Row,
    known: EventType | None,
    payload: Mapping[str, Any],
    subject: str,
    key: DataKey | None,
) -> Row:
    personal = known.personal if known else ()
    if key is None:
        stored = {**payload, **dict.fromkeys(personal, ERASED)}
    else:
        place = sealing.event_place(row.event_id, row.stream, row.type, subject)
        stored = sealing.sealed(
            payload, personal, cipher=key.cipher, subject=subject, place=place
        )
    data = canonical(stored)
    row = row._replace(data=data.decode())
    return row._replace(leaf=leaf_of(row, data, row.metadata.encode()))
