"""The page of all event types, made from their classes: nobody keeps it by hand.

What became true and what a field means are the class's docstring; the shapes are JSON
Schema; an example is a payload that was stored.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec

from eventstore import codec, upcasting
from eventstore.codec import EventType

Examples = Mapping[str, Mapping[str, Any]]

HEAD = """\
# Events

<!-- Made by `make catalogue` from the event classes; a test fails when it is stale. -->

Every event type that is stored. The name and the shape of a schema version never \
change ([ADR-0006](../adr/0006-stored-type-names-are-data.md)). A payload of an older \
version is lifted to the newest on reading, one step a version \
([how](../how-to/evolve-an-event.md)).
One stored payload of each type and version is kept in `tests/golden/`; the examples \
are taken from there.

Every event also has its place (`position`, `stream`, `version`, `event_id`), its \
circumstances (`actor`, `source`, `correlation_id`, `causation_id`, `metadata`), two \
instants (`recorded_at`, `occurred_at`) and its `salt` and `leaf`.

A personal field is sealed for the person in whose stream the event stands, or whom \
`subject` names; once that person is erased it reads `[erased]` \
([ADR-0009](../adr/0009-personal-data-is-sealed-for-each-person.md)).

Staff read an event as a sentence. It is given here with the payload's fields in \
braces; `{who}` is the actor and `{via}` the source in plain words.
The sentences are marked for translation.
"""


def page(examples: Examples) -> str:
    """Return the catalogue in Markdown, one section a module, one below it a type.

    Args:
        examples: Stored payloads by ``<name>.<schema version>``.
    """
    known = [codec.type_named(name) for name in codec.type_names()]
    types = sorted(
        (each for each in known if each), key=lambda each: each.cls.__module__
    )
    parts = [HEAD]
    for module, members in groupby(types, key=lambda each: each.cls.__module__):
        parts.append(_module(module, members))
        parts += [_type(each, examples) for each in _as_written(module, types)]
    return "\n".join(parts)


def _as_written(module: str, types: list[EventType]) -> list[EventType]:
    mine = [each for each in types if each.cls.__module__ == module]
    return sorted(mine, key=lambda each: inspect.getsourcelines(each.cls)[1])


def _module(name: str, members: Iterator[EventType]) -> str:
    module = inspect.getmodule(next(members).cls)
    about = " ".join((inspect.getdoc(module) or "").partition("\n\n")[0].split())
    return f"## `{name.replace('.', '/')}.py`\n\n{about}\n"


def _type(known: EventType, examples: Examples) -> str:
    about, meanings = _told(known.cls)
    example = examples.get(f"{known.name}.{known.schema_version}", {})
    rows = "\n".join(
        f"| `{name}` | {meanings.get(name, '')}{_mark(known, name)} "
        f"| {_value(example, name)} |"
        for name in (field.name for field in dataclasses.fields(known.cls))
    )
    shapes = [(known.schema_version, known.cls)] + [
        (each.from_version, each.shape) for each in upcasting.upcasters_of(known.name)
    ]
    schemas = "\n".join(_schema(*shape) for shape in sorted(shapes, reverse=True))
    return (
        f"### `{known.name}`\n\n{about} Schema version {known.schema_version}.\n\n"
        f"| field | meaning | example |\n|---|---|---|\n{rows}\n\n"
        f"> {known.sentence}\n\n{schemas}"
    )


def _mark(known: EventType, name: str) -> str:
    return " Personal." if name in known.personal else ""


def _told(cls: type) -> tuple[str, dict[str, str]]:
    """Return what a docstring says became true, and what each field means."""
    about, _heading, attributes = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    entries = re.split(r"^ {4}(\w+): ", attributes, flags=re.MULTILINE)[1:]
    texts = [" ".join(text.split()) for text in entries[1::2]]
    said = " ".join(about.replace("``", "`").split())
    return said, dict(zip(entries[::2], texts, strict=True))


def _value(example: Mapping[str, Any], name: str) -> str:
    if name not in example:
        return ""
    return f"`{json.dumps(example[name], ensure_ascii=False)}`"


def _schema(version: int, cls: type) -> str:
    schema = _plain(msgspec.json.schema(cls))
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    return (
        f"<details><summary>JSON Schema of version {version}</summary>\n\n"
        f"```json\n{text}\n```\n\n</details>\n"
    )


def _plain(schema: Any) -> Any:
    """Return *schema* without descriptions: the page has said it already."""
    if isinstance(schema, dict):
        return {
            name: _plain(value)
            for name, value in schema.items()
            if not (name == "description" and isinstance(value, str))
        }
    return [_plain(each) for each in schema] if isinstance(schema, list) else schema
