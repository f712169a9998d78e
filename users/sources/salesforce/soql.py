"""Queries: built here and nowhere else, so that a value never becomes a clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from users.sources.salesforce.ids import canonical

NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)

LONGEST_CONDITION = 1_000  # characters: a request's address has an end
OUTSIDE = re.compile(r"'(?:[^'\\\r\n]|\\.)*'")  # a text in quotes


def select(
    fields: Sequence[str],
    sobject: str,
    *,
    where: Sequence[str] = (),
    order: Sequence[str] = (),
    limit: int | None = None,
) -> str:
    """Return a query; *where* are conditions of this module, joined by AND.

    Raises:
        ValueError: A field or the object has not the form of a name.
    """
    # Not SQL: it goes to Salesforce, and every part is checked.
    text = f"SELECT {','.join(map(name, fields))} FROM {name(sobject)}"  # noqa: S608
    if where:
        text += f" WHERE {' AND '.join(where)}"
    if order:
        text += f" ORDER BY {', '.join(map(name, order))}"
    if limit is not None:
        text += f" LIMIT {limit:d}"
    return text


def count(sobject: str, *, where: Sequence[str] = ()) -> str:
    """Return a query that only counts; raises as :func:`select`."""
    text = f"SELECT COUNT() FROM {name(sobject)}"  # noqa: S608
    return f"{text} WHERE {' AND '.join(where)}" if where else text


def name(text: str) -> str:
    """Return *text* if it has the form of a name of a field or an object.

    Raises:
        ValueError: It has not.
    """
    if not NAME.fullmatch(text):
        message = "not the name of a field or an object"
        raise ValueError(message)
    return text


def within(low: datetime, high: datetime) -> str:
    """Return "stamped from *low* on, before *high*", to the second as SOQL compares."""
    return f"SystemModstamp >= {time(low)} AND SystemModstamp < {time(high)}"


def past_id(last: str) -> str:
    """Return "after the record *last*", in order of ids."""
    return f"Id > '{canonical(last)}'"


def past(stamp: datetime, last: str) -> str:
    """Return "after the record *last* of *stamp*", in order of stamps, then ids."""
    return (
        f"((SystemModstamp = {time(stamp)} AND Id > '{canonical(last)}')"
        f" OR SystemModstamp > {time(stamp)})"
    )


def condition(text: str) -> str:
    """Return a condition that an installation has set, apart from any other of ours.

    Raises:
        ValueError: It is too long, or would end what we put around it.
    """
    if len(text) > LONGEST_CONDITION:
        message = f"longer than {LONGEST_CONDITION} characters"
        raise ValueError(message)
    depth = 0
    for each in OUTSIDE.sub("", text):
        depth += {"(": 1, ")": -1}.get(each, 0)
        if depth < 0 or each in "'\\\r\n":
            break
    else:
        if not depth:
            return f"({text})"
    message = "a quote or a parenthesis has no partner, or it has more than one line"
    raise ValueError(message)


def one_of(ids: Sequence[str]) -> str:
    """Return "one of these records"."""
    return f"Id IN ({','.join(repr(canonical(each)) for each in ids)})"


def time(instant: datetime) -> str:
    """Return *instant* as SOQL writes it, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
