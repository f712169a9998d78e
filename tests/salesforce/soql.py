"""As much of SOQL as anybody needs here: SELECT … FROM … WHERE … ORDER BY … LIMIT."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.salesforce.org import FIELDS, Record

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))"
    r"|(?P<number>-?\d+)"
    r"|(?P<word>[A-Za-z_][\w.]*(?:\(\))?)"
    r"|(?P<sign><=|>=|!=|[<>=(),]))"
)
Condition = Callable[[Record], bool]
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left is not None and left < right,
    "<=": lambda left, right: left is not None and left <= right,
    ">": lambda left, right: left is not None and left > right,
    ">=": lambda left, right: left is not None and left >= right,
}


class SoqlError(Exception):
    """The query is refused, with the code that the real one gives."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(kw_only=True)
class Query:
    fields: list[str]
    sobject: str
    where: Condition = field(default=lambda _record: True)
    order: list[str] = field(default_factory=list)
    limit: int | None = None

    @property
    def counts(self) -> bool:
        return self.fields == ["COUNT()"]

    def run(self, records: Sequence[Record], *, deleted: bool) -> list[Record]:
        """Return what it finds; *deleted* as queryAll does."""
        found = [
            record
            for record in records
            if (deleted or not record.get("IsDeleted")) and self.where(record)
        ]
        for name in reversed(self.order):
            found.sort(key=lambda record: record[name])
        return found[: self.limit]


def parse(text: str, *, hidden: set[str]) -> Query:
    """Return what *text* asks.

    Raises:
        SoqlError: It is no query, or asks for what nobody may see.
    """
    return _Parser(text, hidden).query()


class _Parser:
    def __init__(self, text: str, hidden: set[str]) -> None:
        self._hidden = hidden
        self._tokens: list[tuple[str, str]] = []
        self._known: set[str] = set()
        place = 0
        text = text.strip()
        while place < len(text):
            found = TOKEN.match(text, place)
            if not found:
                code = "MALFORMED_QUERY"
                raise SoqlError(code, f"unexpected token: {text[place : place + 9]}")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()

    def query(self) -> Query:
        self._expect("SELECT")
        fields = [self._take()]
        while self._accept(","):
            fields.append(self._take())
        self._expect("FROM")
        sobject = self._take()
        if sobject not in FIELDS:
            code = "INVALID_TYPE"
            raise SoqlError(code, f"sObject type '{sobject}' is not supported.")
        self._known = FIELDS[sobject].keys() - self._hidden
        query = Query(fields=fields, sobject=sobject)
        if not query.counts:
            for name in fields:
                self._refuse_unknown(name)
        self._clauses(query)
        if self._tokens:
            code = "MALFORMED_QUERY"
            raise SoqlError(code, f"unexpected token: {self._tokens[0][1]}")
        return query

    def _clauses(self, query: Query) -> None:
        if self._accept("WHERE"):
            query.where = self._either()
        if self._accept("ORDER"):
            self._expect("BY")
            query.order = [self._field()]
            while self._accept(","):
                query.order.append(self._field())
        if self._accept("LIMIT"):
            query.limit = int(self._take())

    def _either(self) -> Condition:
        left = self._both()
        while self._accept("OR"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Condition:
        left = self._one()
        while self._accept("AND"):
            left = _and(left, self._one())
        return left

    def _one(self) -> Condition:
        if self._accept("("):
            inner = self._either()
            self._expect(")")
            return inner
        name = self._field()
        if self._accept("IN"):
            self._expect("(")
            values = {self._value()}
            while self._accept(","):
                values.add(self._value())
            self._expect(")")
            return lambda record: record[name] in values
        compare = SIGNS[self._take()]
        value = self._value()
        return lambda record: compare(record[name], value)

    def _value(self) -> Any:
        kind, text = self._tokens.pop(0)
        match kind:
            case "string":
                return re.sub(r"\\(.)", r"\1", text[1:-1])
            case "time":
                time = datetime.fromisoformat(text)
                return time.astimezone(UTC).replace(microsecond=0)
            case "number":
                return int(text)
            case _:
                return {"true": True, "false": False, "null": None}[text.lower()]

    def _field(self) -> str:
        name = self._take()
        self._refuse_unknown(name)
        return name

    def _refuse_unknown(self, name: str) -> None:
        if name not in self._known:
            code = "INVALID_FIELD"
            raise SoqlError(code, f"No such column '{name}' on entity")

    def _take(self) -> str:
        if not self._tokens:
            code = "MALFORMED_QUERY"
            raise SoqlError(code, "unexpected end of query")
        return self._tokens.pop(0)[1]

    def _accept(self, word: str) -> bool:
        if self._tokens and self._tokens[0][1].upper() == word:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            code = "MALFORMED_QUERY"
            raise SoqlError(code, f"expecting {word}")


def _or(left: Condition, right: Condition) -> Condition:
    return lambda record: left(record) or right(record)


def _and(left: Condition, right: Condition) -> Condition:
    return lambda record: left(record) and right(record)
