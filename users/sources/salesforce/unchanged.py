"""Rows that say what they said last: known by a digest, before anything is read.

Where a digest is unknown nothing is lost but time: the row is read and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def told_apart(
    rows: Sequence[Row], told: Options
) -> tuple[list[Row], Mapping[str, str]]:
    """Return the rows that may say something new, and the digests of all, by record.

    A digest tells the whole row, and by which rules it was read, and nobody what it
    says.  A row that has none is to be read each time.  One query.
    """
    digests: dict[str, str] = {}
    ids = []
    rules = orjson.dumps(
        [MAPPER_VERSION, status_field(told), sorted(told.status_map.items())]
    )
    for row in rows:
        try:
            sf_id = canonical(row["Id"])
            digests[sf_id] = _digest(row, rules)
        except (RecordIdError, KeyError, TypeError):
            sf_id = ""
        ids.append(sf_id)
    if len(set(ids)) < len(ids):  # the last row of a record counts: none is passed by
        return list(rows), {}
    known = links.known_rows(digests)
    new = [row for sf_id, row in zip(ids, rows, strict=True) if sf_id not in known]
    return new, digests


def _digest(row: Row, rules: bytes) -> str:
    said = {name: value for name, value in row.items() if name != "attributes"}
    # Raises TypeError at half of a character, which is repaired and counted each time.
    body = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return raw.content_hash(ROW, rules + body).hex()[:32]
