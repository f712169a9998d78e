"""Which code a fold is the fold of: one digest over all that decides the answer.

A snapshot is right only for the code that took it.  The digest covers the source of the
modules that hold ``evolve`` and the upcasters (as syntax trees: comments and layout do
not count) and the shapes of the state and of every event ``evolve`` is declared to
take.  It does not cover functions those modules import: keep a fold in one module; the
check of snapshots finds what slips through (ADR-0018).
"""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import msgspec

from eventstore import codec, upcasting
from eventstore.aggregate import Aggregate

FORMAT = 2  # of what is hashed; a change makes every snapshot stale


def fingerprint(aggregate: Aggregate[Any, Any]) -> str | None:
    """Return the digest of the fold of *aggregate*; None when there can be none.

    The same in every process that runs the same code on the same Python version.
    There is none when the aggregate declares no type of state, or when the source of
    the fold is not installed.
    """
    if aggregate.state_type is None:
        return None
    digest = sha256()
    try:
        for part in _parts(aggregate):
            digest.update(part.encode())
            digest.update(b"\0")
    except (OSError, TypeError):  # TypeError: written in C
        return None
    return digest.hexdigest()


def _parts(aggregate: Aggregate[Any, Any]) -> Iterator[str]:
    yield f"{FORMAT} {aggregate.category} {aggregate.initial!r}"
    yield _shape(aggregate.state_type)
    yield _code(aggregate.evolve)
    for known in _types_of(aggregate.evolve):
        yield f"{known.name} {known.schema_version} {_shape(known.cls)}"
        for each in upcasting.upcasters_of(known.name):
            yield f"{each.name} {each.from_version} {_code(each.step)}"


def _shape(kind: Any) -> str:
    return msgspec.json.encode(msgspec.json.schema(kind), order="sorted").decode()


def _code(function: Callable[..., Any]) -> str:
    module = inspect.getmodule(function)
    if module is None:
        raise OSError
    tree = ast.parse(inspect.getsource(module))
    return f"{function.__qualname__} {ast.dump(tree)}"


def _types_of(evolve: Callable[..., Any]) -> list[codec.EventType]:
    """Return the types that *evolve* declares; all there are when it declares none."""
    every = [codec.type_named(name) for name in codec.type_names()]
    declared = _declared(evolve)
    return [each for each in every if each and (each.cls in declared or not declared)]


def _declared(evolve: Callable[..., Any]) -> set[Any]:
    hints = typing.get_type_hints(evolve)
    hints.pop("return", None)
    event = list(hints.values())[-1] if hints else Any
    return set() if event is Any else set(typing.get_args(event) or (event,))
