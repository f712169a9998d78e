"""Rows that say what they said last: known by a digest, before anything is read.

Where a digest is unknown nothing is lost but time: the row is read and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import orjson

from eventstore.events import SALESFORCE
from eventstore.intake import raw
from users.sources.salesforce import links
from users.sources.salesforce.errors import RecordIdError
from users.sources.salesforce.ids import canonical
from users.sources.salesforce.options import Options
from users.sources.salesforce.translate import MAPPER_VERSION, status_field

ROW = f"{SALESFORCE} row"  # apart from the hashes of what is kept
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """A page without the rows that say nothing new.

    Attributes:
        rows: The others, in their order.
        digests: Of rows, by record: of the whole row and the rules by which it is
            read.  Nobody can tell from it what the row says.
        unlinked: Records that nobody knows; not of those without a digest.
    """

    rows: Sequence[Row]
    digests: Mapping[str, str]
    unlinked: AbstractSet[str]


def sifted(rows: Sequence[Row], told: Options) -> Sifted:
    """Return *rows* without those that are to the letter what they were.  One query."""
    digests: dict[str, str] = {}
    ids = []
    rules = orjson.dumps(
        [
            MAPPER_VERSION,
            status_field(told),
            sorted(told.status_map.items()),
            str(told.on_delete),
        ]
    )
    for row in rows:
        sf_id = ""
        try:
            sf_id = canonical(row["Id"])
            digests[sf_id] = _digest(row, rules)
        except (RecordIdError, KeyError, TypeError):
            pass  # such a row is read each time
        ids.append(sf_id)
    if len(set(ids)) < len(ids):  # the last row of a record counts: none is passed by
        return Sifted(rows=rows, digests={}, unlinked=frozenset())
    known = links.known_rows(digests)
    return Sifted(
        rows=[
            row for sf_id, row in zip(ids, rows, strict=True) if not known.get(sf_id)
        ],
        digests=digests,
        unlinked=digests.keys() - known.keys(),
    )


def _digest(row: Row, rules: bytes) -> str:
    said = {name: value for name, value in row.items() if name != "attributes"}
    # A TypeError at half of a character, which is repaired and counted each time.
    body = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return raw.content_hash(ROW, rules + body).hex()[:32]
