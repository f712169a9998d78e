from __future__ import annotations

from datetime import UTC, datetime

import pytest

from users.sources.salesforce import soql
from users.sources.salesforce.errors import RecordIdError
from users.sources.salesforce.ids import canonical

# Ids that stand in public records.
PUBLIC = ["0035g00000XyZabAAF", "001D000000IRFmaIAH", "00530000004fo6dAAA"]
STAMP = datetime(2026, 11, 6, 12, 0, 1, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("known", PUBLIC)
def test_an_id_is_known_in_each_of_its_forms(known: str) -> None:
    assert canonical(known) == known
    assert canonical(known[:15]) == known
    assert canonical(known.lower()) == known
    assert canonical(known.upper()) == known


@pytest.mark.parametrize(
    "raw",
    [
        *("", "003", "0035g00000XyZabAAA", "0035g00000XyZab' OR 1", "0035g00000XyZaé"),
        *("0035g00000XyZabAA9", "0035g00000XyZabAAF\n", "0035G00000XyZabAAF"),
    ],
)
def test_what_is_no_id_is_refused(raw: str) -> None:
    with pytest.raises(RecordIdError):
        canonical(raw)


def test_ids_that_differ_by_case_alone_are_two() -> None:
    assert canonical("00300000000000A") != canonical("00300000000000a")


def test_a_query_is_put_together() -> None:
    text = soql.select(
        ["Id", "Email"],
        "Contact",
        where=[soql.within(STAMP, STAMP), soql.past(STAMP, PUBLIC[0])],
        order=["SystemModstamp", "Id"],
        limit=10,
    )
    assert text == (
        "SELECT Id,Email FROM Contact WHERE SystemModstamp >= 2026-11-06T12:00:01Z"
        " AND SystemModstamp < 2026-11-06T12:00:01Z"
        " AND ((SystemModstamp = 2026-11-06T12:00:01Z AND Id > '0035g00000XyZabAAF')"
        " OR SystemModstamp > 2026-11-06T12:00:01Z)"
        " ORDER BY SystemModstamp, Id LIMIT 10"
    )
    assert soql.one_of(PUBLIC[:2]) == f"Id IN ('{PUBLIC[0]}','{PUBLIC[1]}')"
    assert soql.past_id(PUBLIC[0]) == f"Id > '{PUBLIC[0]}'"


@pytest.mark.parametrize("name", ["Id FROM Account--", "", "1st", "Émail", "a.b"])
def test_nothing_but_a_name_becomes_a_field(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        soql.select([name], "Contact")
    with pytest.raises(ValueError, match="name"):
        soql.select(["Id"], name)
