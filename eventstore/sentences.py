"""Events in plain words, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eventstore import codec
from eventstore.events import ADMIN, INTAKE, REST, SALESFORCE, SYSTEM, RecordedEvent

SOURCES = {
    REST: gettext_lazy("REST API"),
    ADMIN: gettext_lazy("back office"),
    SALESFORCE: gettext_lazy("Salesforce backfill"),
    INTAKE: gettext_lazy("external system"),
    SYSTEM: gettext_lazy("system"),
}


def sentence(event: RecordedEvent) -> str:
    """Return what happened, by whom and through what; never raises for an odd event."""
    circumstances = {"who": actor(event.actor), "via": source(event.source)}
    known = codec.type_named(event.type)
    if known is not None:
        is_old = event.schema_version != known.schema_version
        data = codec.fields(event) if is_old else event.data
        try:
            return _(known.sentence).format(**data, **circumstances)
        except (KeyError, TypeError):
            pass  # stored in a shape the sentence does not know
    details = ", ".join(f"{field} = {value}" for field, value in event.data.items())
    return _("{event} happened ({details})").format(event=event.type, details=details)


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
