"""Events in plain words, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.types.range import Range

from eventstore import codec, labels, zones
from eventstore.events import ADMIN, INTAKE, REST, SALESFORCE, SYSTEM, RecordedEvent
from eventstore.operator_events import CHANGED

SOURCES = {
    REST: gettext_lazy("REST API"),
    ADMIN: gettext_lazy("back office"),
    SALESFORCE: gettext_lazy("Salesforce backfill"),
    INTAKE: gettext_lazy("external system"),
    SYSTEM: gettext_lazy("system"),
}

MOST = 5  # fields that a sentence names
LENGTH = 80  # characters of each value
LISTS = frozenset({"groups", "permissions", "user_permissions"})
TRUTHS = {"True": True, "False": False}  # as the log keeps them


def sentence(event: RecordedEvent) -> str:
    """Return what happened, by whom and through what; never raises for an odd event.

    What a second person approved names both (ADR-0047).
    """
    told = _told(event)
    asked_by = event.metadata.get("asked_by")
    if not asked_by:
        return told
    both = _("{sentence}; asked for by {name}")
    return both.format(sentence=told, name=actor(str(asked_by)))


def _told(event: RecordedEvent) -> str:
    circumstances = {"who": actor(event.actor), "via": source(event.source)}
    known = codec.type_named(event.type)
    if known is not None:
        is_old = event.schema_version != known.schema_version
        data = codec.fields(event) if is_old else event.data
        try:
            told = {field: word(value, field) for field, value in data.items()}
            told |= _what_changed(data)
            return _(known.sentence).format(**told, **circumstances)
        except (KeyError, TypeError):
            pass  # stored in a shape the sentence does not know
    details = ", ".join(
        f"{field} = {words(value)}" for field, value in event.data.items()
    )
    return _("{event} happened ({details})").format(event=event.type, details=details)


def _what_changed(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the word for a change that keeps old and new values: which, and how."""
    old, new = data.get("old"), data.get("new")
    if data.get("change") != CHANGED or not isinstance(old, Mapping):
        return {}
    if not isinstance(new, Mapping):
        return {}
    names = [*dict.fromkeys([*old, *new])]
    told = [_difference(each, old.get(each), new.get(each)) for each in names[:MOST]]
    if len(names) > MOST:
        told.append("…")
    return {"change": "; ".join(told)} if told else {}


def _difference(name: str, old: Any, new: Any) -> str:
    """Return what became of one value; of long lists what came and what went."""
    label = labels.label(name)
    was, now = (str(each or "").split(", ") for each in (old, new))
    if name in LISTS and max(len(was), len(now)) > 1:
        went = [f"- {each}" for each in was if each and each not in now]
        came = [f"+ {each}" for each in now if each and each not in was]
        return f"{label}: {_short(', '.join(came + went))}"
    if old == new:
        return f"{label}: {_value(new)}"  # not kept, before as after
    return f"{label}: {_value(old)} → {_value(new)}"


def _value(value: Any) -> str:
    if value in TRUTHS:
        return words(TRUTHS[value])
    return _short(words(value or None))


def _short(text: str) -> str:
    return Truncator(text).chars(LENGTH)


def word(value: Any, field: str) -> str:
    """Return what *field* holds for reading; words of ours in the reader's language."""
    is_ours = field in labels.CODED and isinstance(value, str)
    return labels.code(value) if is_ours else words(value)


def words(value: Any) -> str:  # noqa: PLR0911 - one table
    """Return a field's value for reading: none is a dash, a time ends in its zone."""
    match value:
        case None:
            return "—"
        case bool():
            return _("yes") if value else _("no")
        case datetime():
            here = zones.local(value)
            return f"{here.replace(tzinfo=None)} {zones.abbreviation(here)}"
        case Range():
            return _period(value)
        case list() | tuple():
            return ", ".join(map(words, value)) or "—"
        case Mapping():
            return ", ".join(f"{name}: {words(each)}" for name, each in value.items())
        case _:
            return labels.sign(str(value))


def _period(value: Range[Any]) -> str:
    if value.isempty:
        return _("at no time")
    since, until = words(value.lower), words(value.upper)
    if value.lower is None:
        return (
            _("always")
            if value.upper is None
            else _("until {until}").format(until=until)
        )
    if value.upper is None:
        return _("since {since}").format(since=since)
    return _("from {since} until {until}").format(since=since, until=until)


def actor(name: str) -> str:
    """Return an actor as staff call it: ``client:crm`` becomes "REST client crm"."""
    kind, _separator, who = name.partition(":")
    match kind:
        case "staff":
            return who
        case "client":
            return _("REST client {name}").format(name=who)
        case "integration":
            return who.title()
        case _:
            return name


def source(name: str) -> str:
    """Return a source as staff call it."""
    return str(SOURCES.get(name, name))
