from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

from eventstore import codec
from eventstore.errors import EventTypeTakenError, UnregisteredEventError
from eventstore.events import UnknownEvent
from users.events import UserCreated

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda f: f.stem)
def test_a_golden_payload_decodes_for_ever(file: Path) -> None:
    name, version = file.stem.rsplit(".", 1)
    stored = json.loads(file.read_text("utf-8"))
    event = codec.decode(name, int(version), stored)
    known = codec.type_of(event)
    assert known.name == name
    if known.schema_version == int(version):
        # A field that came later has a default, and needs no version of its own.
        encoded = codec.encode(event)
        assert {name: encoded[name] for name in stored} == stored


def test_every_type_and_version_has_a_golden_payload() -> None:
    types = [codec.type_named(name) for name in codec.type_names()]
    every = {
        f"{each.name}.{version}"
        for each in types
        if each
        for version in range(1, each.schema_version + 1)
    }
    assert {file.stem for file in GOLDEN.glob("*.json")} == every


@pytest.mark.parametrize("name", codec.type_names())
@given(data=strategies.data())
def test_any_event_survives_the_round_trip(
    name: str, data: strategies.DataObject
) -> None:
    known = codec.type_named(name)
    assert known
    event = data.draw(strategies.from_type(known.cls))
    stored = json.loads(json.dumps(codec.encode(event)))
    assert codec.decode(name, known.schema_version, stored) == event


@pytest.mark.parametrize(
    ("name", "version", "data", "problem"),
    [
        ("UserTeleported", 1, {"to": "Mars"}, "UnknownTypeError"),
        ("UserCreated", 99, {"name": "Ada"}, "MissingUpcasterError"),
        ("UserCreated", 1, {"name": 7, "email": None}, "ValidationError"),
        ("UserCreated", 1, {}, "ValidationError"),
    ],
)
def test_what_cannot_be_understood_stays_readable(
    name: str, version: int, data: dict[str, Any], problem: str
) -> None:
    expected = UnknownEvent(type=name, data=data, problem=problem)
    assert codec.decode(name, version, data) == expected


def test_a_stored_name_belongs_to_one_class() -> None:
    @dataclass
    class Impostor:
        pass

    with pytest.raises(EventTypeTakenError, match="stored as UserCreated already"):
        codec.event_type("UserCreated", sentence="")(Impostor)
    assert codec.type_of(UserCreated(name="A", email="a@b.c")).cls is UserCreated


def test_a_class_without_a_stored_name_is_refused() -> None:
    @dataclass
    class Nameless:
        pass

    with pytest.raises(UnregisteredEventError, match="Nameless has no @event_type"):
        codec.type_of(Nameless())


def test_a_payload_of_a_newer_code_keeps_its_extra_fields_out() -> None:
    data = {"name": "Ada", "email": "ada@example.com", "shoe_size": 38}
    expected = UserCreated(name="Ada", email="ada@example.com")
    assert codec.decode("UserCreated", 1, data) == expected
