"""The statements of the hot path, past Django's cursor: prepared, and in binary.

Django's cursor binds on the client and converts each instant in Python, which costs
more than the insert (docs/performance.md).  Transactions, errors and the log of queries
are those of Django's connection all the same.  psycopg prepares nothing: it would
forget our statements together with its own, at every rollback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from eventstore import sql

Value = str | bytes | None  # as the server takes it: text, or bytes of a bytea
PLACE = re.compile(r"%\((\w+)\)s")
NO_SUCH_STATEMENT = "26000"  # a pooler forgot what we had prepared

_prepared: WeakKeyDictionary[psycopg.Connection[Any], set[str]] = WeakKeyDictionary()


def rows(name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of ``<name>.sql``; instants are aware UTC, jsonb is not selected.

    Raises:
        DatabaseError: As Django's cursors raise it.
    """
    with connection.wrap_database_errors:
        result = _result(name, parameters, Format.BINARY)
        loader = Transformer(connection.connection)
        loader.set_pgresult(result, set_loaders=True, format=Format.BINARY)
        return loader.load_rows(0, result.ntuples, tuple)


def call(name: str, parameters: Mapping[str, Any]) -> list[list[str | None]]:
    """Return the rows of ``<name>.sql`` as text, without a step a value.

    Raises:
        DatabaseError: As Django's cursors raise it.
    """
    with connection.wrap_database_errors:
        result = _result(name, parameters, Format.TEXT)
        return [
            [_text(result.get_value(row, column)) for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]


def written(value: Any) -> Value:
    """Return *value* as PostgreSQL reads its text; bytes of a bytea as they are.

    A list becomes an array literal.
    """
    match value:
        case None | str() | bytes():
            return value
        case bool():
            return "true" if value else "false"
        case list():
            return "{" + ",".join(map(_element, value)) + "}"
        case _:
            return str(value)  # numbers, UUIDs and instants


def _element(value: Any) -> str:
    # Called for each value of each event of a large append: no step too many.
    kind = type(value)
    if kind is int or kind is UUID:
        return str(value)
    if kind is bytes:
        return rf'"\\x{value.hex()}"'
    if value is None:
        return "NULL"
    text: Any = value if kind is str else written(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{text}"'


def _log(text: str) -> None:
    if connection.queries_logged:  # in tests and debug pages, as any other query
        connection.queries_log.append({"sql": text, "time": "0"})


@cache
def _numbered(name: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with ``$1`` for its parameters, and their names in order."""
    text = sql.load(name)
    names = tuple(dict.fromkeys(PLACE.findall(text)))
    numbers = {each: f"${number}" for number, each in enumerate(names, 1)}
    numbered = PLACE.sub(lambda found: numbers[found[1]], text).replace("%%", "%")
    return numbered.encode(), names


def _result(name: str, parameters: Mapping[str, Any], form: Format) -> PGresult:
    connection.ensure_connection()
    text, places = _numbered(name)
    _log(text.decode())
    values = [_encoded(written(parameters[place])) for place in places]
    formats = [_format(parameters[place]) for place in places]
    link: psycopg.Connection[Any] = connection.connection
    wire = link.pgconn
    if not settings.DATABASE_PREPARES:
        _begin(link)
        return _checked(link, wire.exec_params(text, values, None, formats, form))
    label = name.encode()
    known = _prepared.setdefault(link, set())
    is_alone = wire.transaction_status == TransactionStatus.IDLE and link.autocommit
    _begin(link)
    if name not in known:
        _checked(link, wire.prepare(label, text))
        known.add(name)
    try:
        # The stub forgets that a value may be NULL.
        result = wire.exec_prepared(label, values, formats, form)  # type: ignore[arg-type]
        return _checked(link, result)
    except psycopg.Error as error:
        if error.sqlstate != NO_SUCH_STATEMENT:
            raise
        known.discard(name)
        if not is_alone:
            raise
        return _result(name, parameters, form)


def _begin(link: psycopg.Connection[Any]) -> None:
    # psycopg leaves it to the first statement, and does not see ours.
    if not link.autocommit and link.pgconn.transaction_status == TransactionStatus.IDLE:
        _checked(link, link.pgconn.exec_(b"BEGIN"))


def _format(value: Any) -> Format:
    return Format.BINARY if type(value) is bytes else Format.TEXT


def _encoded(value: Value) -> bytes | None:
    if not isinstance(value, str):
        return value
    if "\0" in value:  # libpq would cut it off there
        message = "PostgreSQL text cannot contain NUL (0x00)"
        raise psycopg.DataError(message)
    return value.encode()


def _checked(link: psycopg.Connection[Any], result: PGresult) -> PGresult:
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    error = psycopg.errors.error_from_result(result)
    # Without an SQLSTATE it is libpq that speaks, of a server that is gone.
    if link.pgconn.status != psycopg.pq.ConnStatus.OK or error.sqlstate is None:
        message = "the connection is lost"
        raise psycopg.OperationalError(message)
    raise error


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
