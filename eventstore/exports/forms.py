"""Rows as the bytes of a file: CSV, JSON, NDJSON; docs/reference/exports.md.

A file is a head, a body and a tail.  The head names the SHA-256 of the body, which is
whole lines: what lies between the head and, in JSON, the last line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import orjson

CSV, JSON, NDJSON = "csv", "json", "ndjson"
CONTENT_TYPES = {
    CSV: "text/csv; charset=utf-8",
    JSON: "application/json",
    NDJSON: "application/x-ndjson",
}
# What a spreadsheet takes for the beginning of a formula.
UNSAFE = frozenset("=+-@\t\r")
LOCAL = "_local"  # the end of a local column's name
MASKED = "masked"  # the field that a row has when it is masked
TAILS = {CSV: b"", JSON: b"]}\n", NDJSON: b""}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How rows are written.

    Attributes:
        columns: Names, in order.
        times: Those of them that are instants.
        zone: IANA name of the zone of a second column beside each instant; empty for
            none.
    """

    form: str
    columns: Sequence[str]
    times: Collection[str]
    zone: str = ""

    @property
    def names(self) -> list[str]:
        """The columns as they are written, local ones included."""
        return [name for column in self.columns for name in self._pair(column)]

    def _pair(self, column: str) -> list[str]:
        is_local = self.zone and column in self.times
        return [column, f"{column}{LOCAL}"] if is_local else [column]


def safe(text: str) -> str:
    """Return *text* so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text[:1] in UNSAFE else text


def head(form: str, facts: Row) -> bytes:
    """Return the beginning of a file that says what *facts* say."""
    if form == CSV:
        return _csv([f"# {name}", _cell(value)] for name, value in facts.items())
    told = orjson.dumps({"export": facts})
    return told[:-1] + b',\n"results": [\n' if form == JSON else told + b"\n"


def body(layout: Layout, rows: Sequence[Row], *, is_first: bool) -> bytes:
    """Return *rows* as whole lines; the first ones of a CSV below the columns' names.

    Args:
        layout: How.
        rows: Each with every column.
        is_first: Whether nothing is before them.
    """
    names = layout.names
    found = _picked(layout, rows)
    if layout.form == CSV:
        cells = (
            [
                value
                if type(value) is str and value[:1] not in UNSAFE
                else _cell(value)
                for value in values
            ]
            for values in found
        )
        return _csv([*([names] if is_first else []), *cells])
    lines = []
    for values, row in zip(found, rows, strict=True):
        told = dict(zip(names, values, strict=True))
        if MASKED in row:
            told[MASKED] = row[MASKED]
        lines.append(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
    if layout.form == NDJSON:
        return b"".join(lines)
    # A comma leads its line, so that each piece is whole lines.
    return (b"" if is_first else b",") + b",".join(lines) if lines else b""


def _picked(layout: Layout, rows: Sequence[Row]) -> Iterator[Sequence[Any]]:
    if not layout.zone:
        columns = layout.columns
        # A step of Python for each cell is what a million rows notice.
        pick = itemgetter(*columns, columns[0])
        return (pick(row)[:-1] for row in rows)
    return (_picked_local(layout, row) for row in rows)


def _picked_local(layout: Layout, row: Row) -> list[Any]:
    zone = ZoneInfo(layout.zone)
    values: list[Any] = []
    for column in layout.columns:
        values.append(row[column])
        if column in layout.times:
            instant = datetime.fromisoformat(row[column])
            values.append(instant.astimezone(zone).isoformat())
    return values


def _cell(value: Any) -> str | int:
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, int):
        return value
    return "" if value is None else safe(orjson.dumps(value).decode())


def _csv(rows: Any) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode()
