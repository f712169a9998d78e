"""A type that has had three shapes, registered only while a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eventstore import codec
from eventstore.codec import event_type
from eventstore.upcasting import Step, upcaster

NAME = "ParcelSent"
SENTENCE = "{who} sent {grams} g to {city} via {via}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelSentV1:
    """Sent, in whole kilograms."""

    kilograms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelSentV2:
    """Sent, in grams."""

    grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelSent:
    """A parcel left us.

    Attributes:
        grams: Weight.
        city: Where to.
    """

    grams: int
    city: str


def in_grams(data: dict[str, Any]) -> dict[str, Any]:
    return {"grams": data.pop("kilograms") * 1000}


def with_city(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "city": "unknown"}


@contextmanager
def written_by(schema_version: int) -> Iterator[None]:
    """Be the code of a day on which the newest shape was *schema_version*."""
    cls = {1: ParcelSentV1, 2: ParcelSentV2, 3: ParcelSent}[schema_version]
    with codec.temporary_types():
        event_type(NAME, sentence=SENTENCE, schema_version=schema_version)(cls)
        yield


@contextmanager
def today(*steps: int) -> Iterator[None]:
    """Be the newest code, with the upcasters from these versions; all by default."""
    known: dict[int, tuple[type, Step]] = {
        1: (ParcelSentV1, in_grams),
        2: (ParcelSentV2, with_city),
    }
    with written_by(3):
        for version in steps or known:
            shape, step = known[version]
            upcaster(NAME, from_version=version, shape=shape)(step)
        yield
