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
import sys
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import cache
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


def code_of(
    functions: Sequence[Callable[..., Any]], handled: Any, shapes: Sequence[str]
) -> str | None:
    """Return the digest of code that makes rows of events; as :func:`fingerprint`.

    It covers the modules of *functions*, the shapes of the events *handled*, what lifts
    them, and *shapes*; not what those modules import.

    Args:
        functions: Those that decide.
        handled: A union of event classes; ``Any`` means that no payload is looked at.
        shapes: Of what is written.
    """
    digest = sha256(f"{FORMAT}".encode())
    try:
        known = {_code_of_module(inspect.unwrap(each)) for each in functions}
    except (OSError, TypeError):
        return None
    classes = typing.get_args(handled)
    for name in codec.type_names():
        kind = codec.type_named(name)
        if kind is not None and kind.cls in classes:
            known.update(_code_of_type(kind))
    for part in [*sorted(known), *shapes]:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


@cache
def of_module(name: str) -> str:
    """Return 12 hex digits of the code of a module; empty when its source is not here.

    Comments and layout do not count.
    """
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (KeyError, OSError, TypeError):
        return ""
    return sha256(ast.dump(tree).encode()).hexdigest()[:12]


def _code_of_module(function: Callable[..., Any]) -> str:
    module = inspect.getmodule(function)
    if module is None:
        raise OSError
    return f"{module.__name__} {ast.dump(ast.parse(inspect.getsource(module)))}"


def _code_of_type(known: codec.EventType) -> Iterator[str]:
    yield f"{known.name} {known.schema_version} {_shape(known.cls)}"
    for each in upcasting.upcasters_of(known.name):
        yield f"{each.name} {each.from_version} {_code(each.step)}"


def _parts(aggregate: Aggregate[Any, Any]) -> Iterator[str]:
    yield f"{FORMAT} {aggregate.category} {aggregate.initial!r}"
    yield _shape(aggregate.state_type)
    yield _code(aggregate.evolve)
    for known in _types_of(aggregate.evolve):
        yield from _code_of_type(known)


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
