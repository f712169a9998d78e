"""Old payload -> newest payload, one step a version, on reading.

The log is never rewritten: what was stored years ago is lifted each time it is read.
Steps work on raw JSON values, so that no class of an old shape has to live on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from eventstore.errors import MissingUpcasterError

Step = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcaster:
    """Lifts the payload of one event type by exactly one schema version.

    Attributes:
        shape: What the old payload looked like, as a dataclass; only documents are
            made of it.
        step: ``payload -> payload``; pure, may change the one it is given.
    """

    name: str
    from_version: int
    shape: type
    step: Step


_upcasters: dict[tuple[str, int], Upcaster] = {}


def upcaster(name: str, *, from_version: int, shape: type) -> Callable[[Step], Step]:
    """Register the step from *from_version* of the type *name* to the next version."""

    def register(step: Step) -> Step:
        _upcasters[name, from_version] = Upcaster(
            name=name, from_version=from_version, shape=shape, step=step
        )
        return step

    return register


def upcasters_of(name: str) -> list[Upcaster]:
    """Return the steps registered for the type *name*, oldest first."""
    mine = [each for each in _upcasters.values() if each.name == name]
    return sorted(mine, key=lambda each: each.from_version)


def missing(name: str, *, newest: int, oldest: int = 1) -> list[int]:
    """Return the versions from *oldest* on that no step lifts on the way to *newest*.

    A version above *newest* has no way down and is missing itself.
    """
    if oldest > newest:
        return [oldest]
    return [v for v in range(oldest, newest) if (name, v) not in _upcasters]


def lift(
    name: str, data: Mapping[str, Any], *, from_version: int, newest: int
) -> Mapping[str, Any]:
    """Return *data* in the shape of *newest*; *data* itself stays as it was stored.

    Raises:
        MissingUpcasterError: A step is not registered.
        Exception: Whatever a step raised.
    """
    gaps = missing(name, newest=newest, oldest=from_version)
    if gaps:
        raise MissingUpcasterError(name, gaps[0])
    if from_version == newest:
        return data
    payload: dict[str, Any] = deepcopy(dict(data))
    for version in range(from_version, newest):
        payload = _upcasters[name, version].step(payload)
    return payload


@contextmanager
def temporary_upcasters() -> Iterator[None]:
    """Forget, on leaving, every upcaster registered inside; for tests."""
    before = dict(_upcasters)
    try:
        yield
    finally:
        _upcasters.clear()
        _upcasters.update(before)
