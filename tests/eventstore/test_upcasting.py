from __future__ import annotations

from typing import Any

import pytest

from eventstore import catalogue, codec, store, upcasting
from eventstore.events import UnknownEvent
from eventstore.sentences import sentence
from eventstore.upcasting import upcaster
from tests import evolved
from tests.backoffice import EVENTS, superuser, text
from tests.evolved import NAME, ParcelSent, ParcelSentV1, ParcelSentV2
from tests.factories import appended


@pytest.mark.parametrize(
    ("version", "data", "event"),
    [
        (1, {"kilograms": 2}, ParcelSent(grams=2000, city="unknown")),
        (2, {"grams": 7}, ParcelSent(grams=7, city="unknown")),
        (3, {"grams": 7, "city": "Ely"}, ParcelSent(grams=7, city="Ely")),
    ],
)
def test_a_payload_is_lifted_one_step_a_version(
    version: int, data: dict[str, Any], event: ParcelSent
) -> None:
    stored = dict(data)
    with evolved.today():
        assert codec.decode(NAME, version, data) == event
    assert data == stored


def test_a_missing_step_leaves_the_event_readable() -> None:
    data = {"kilograms": 2}
    with evolved.today(2):
        assert codec.decode(NAME, 1, data) == UnknownEvent(
            type=NAME, data=data, problem="MissingUpcasterError"
        )


def test_a_step_that_raises_leaves_the_event_readable_and_unharmed() -> None:
    data = {"kilograms": 2}

    def spoil(payload: dict[str, Any]) -> dict[str, Any]:
        payload.clear()
        return {"grams": payload["pounds"]}

    with evolved.today():
        upcaster(NAME, from_version=1, shape=ParcelSentV1)(spoil)
        assert codec.decode(NAME, 1, data) == UnknownEvent(
            type=NAME, data={"kilograms": 2}, problem="KeyError"
        )


@pytest.mark.parametrize(
    ("newest", "oldest", "gaps"),
    [(3, 1, [1]), (3, 2, []), (3, 3, []), (5, 1, [1, 3, 4]), (3, 4, [4])],
)
def test_the_gaps_on_the_way_are_named(
    newest: int, oldest: int, gaps: list[int]
) -> None:
    with evolved.today(2):
        assert upcasting.missing(NAME, newest=newest, oldest=oldest) == gaps


def test_types_of_a_test_are_gone_afterwards() -> None:
    with evolved.today():
        assert NAME in codec.type_names()
    assert NAME not in codec.type_names()
    assert upcasting.upcasters_of(NAME) == []


def test_the_catalogue_shows_every_shape_a_type_has_had() -> None:
    with evolved.today():
        page = catalogue.page({f"{NAME}.3": {"grams": 7, "city": "Ely"}})
    (section,) = [each for each in page.split("\n### ") if each.startswith(f"`{NAME}`")]
    assert section.startswith(
        f"`{NAME}`\n\nA parcel left us. Schema version 3.\n\n"
        "| field | meaning | example |\n|---|---|---|\n"
        '| `grams` | Weight. | `7` |\n| `city` | Where to. | `"Ely"` |\n\n'
        f"> {evolved.SENTENCE}\n"
    )
    places = [section.index(f"JSON Schema of version {v}") for v in (3, 2, 1)]
    assert places == sorted(places)
    assert '"kilograms": {' in section


@pytest.mark.django_db
def test_an_old_event_is_read_told_and_shown_in_both_shapes() -> None:
    with evolved.written_by(1):
        position = appended("parcel-1", ParcelSentV1(kilograms=2)).position
    with evolved.today():
        (event,) = store.read_stream("parcel-1")
        assert event.payload == ParcelSent(grams=2000, city="unknown")
        assert (event.schema_version, event.data) == (1, {"kilograms": 2})
        assert sentence(event) == (
            "REST client tests sent 2000 g to unknown via REST API"
        )
        page = superuser().get(f"{EVENTS}{position}/")
    assert text(page, "event-data") == (
        "Data in the shape that was stored, version 1 · the whole event as JSON"
        ' { "kilograms": 2 }'
    )
    assert text(page, "event-upcast") == (
        'Upcast from v1 to v3 { "city": "unknown", "grams": 2000 }'
    )


@pytest.mark.django_db
def test_an_event_that_cannot_be_read_is_a_page_that_says_why() -> None:
    with evolved.written_by(2):
        position = appended("parcel-1", ParcelSentV2(grams=2)).position
    with evolved.today(1):
        page = superuser().get(f"{EVENTS}{position}/")
    assert page.status_code == 200
    assert "This code cannot read the event (MissingUpcasterError)" in (
        text(page, "event-said") or ""
    )
