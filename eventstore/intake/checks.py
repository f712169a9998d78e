"""Django system checks: the sources make sense, and are safe to let in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004

from eventstore.intake import registry, sources
from eventstore.intake.errors import SourceSettingsError, UnknownMapperError
from eventstore.intake.sources import GITHUB, HMAC, SALESFORCE, Source

TAG = "eventstore"
HOUR = 3600  # seconds


def register_checks() -> None:
    """Tell Django of the checks; called once, when the app is ready."""
    register(sources_make_sense, TAG)
    register(sources_are_safe, TAG, deploy=True)


def sources_make_sense(**_options: Any) -> list[CheckMessage]:
    """Return an error for what cannot be meant, and for a mapper nobody has."""
    try:
        known = sources.every()
    except SourceSettingsError as error:
        return [Error(f"{error}.", hint=HINT, id="eventstore.E010")]
    found: list[CheckMessage] = []
    for each in known.values():
        try:
            registry.mapper(each.mapper)
        except UnknownMapperError as error:
            text = f"The source {each.name}: {error}."
            found.append(Error(text, hint=HINT, id="eventstore.E011"))
    return found


def sources_are_safe(**_options: Any) -> list[CheckMessage]:
    """Return an error for each source that should not be let in as it is set up."""
    try:
        known = sources.every()
    except SourceSettingsError:
        return []  # the other check says so
    return [*_of_each(known), *_of_all(known)]


HINT = "See docs/reference/settings.md, INGEST_SOURCES."


def _of_each(known: Mapping[str, Source]) -> Iterator[CheckMessage]:
    for each in known.values():
        if each.is_enabled and not each.keys:
            text = f"The source {each.name} is enabled and has no secret."
            hint = "Give it one, or say enabled: false."
            yield Error(text, hint=hint, id="eventstore.E012")
        if each.is_enabled and each.style == SALESFORCE and not each.org_id:
            text = f"The source {each.name} is enabled and has no org_id."
            hint = "Name your org, or the messages of any org would do."
            yield Error(text, hint=hint, id="eventstore.E015")
        if each.is_enabled and each.keys > 2:  # noqa: PLR2004 - old and new
            text = f"The source {each.name} has {each.keys} secrets."
            hint = "Remove those that nobody signs with any more."
            yield Warning(text, hint=hint, id="eventstore.W012")
        if each.is_enabled and each.style == HMAC and not each.timestamp_header:
            text = f"The source {each.name} signs no time."
            hint = f"Let it send timestamp_header; {GITHUB} cannot, others should."
            yield Warning(text, hint=hint, id="eventstore.W013")


def _of_all(known: Mapping[str, Source]) -> Iterator[CheckMessage]:
    if not any(each.is_enabled for each in known.values()):
        return
    if not settings.SECURE_SSL_REDIRECT:
        text = "Other systems may send personal data here over plain HTTP."
        hint = "Set SECURE_SSL_REDIRECT."
        yield Error(text, hint=hint, id="eventstore.E013")
    if not 0 < settings.INGEST_TOLERANCE_SECONDS <= HOUR:
        text = "INGEST_TOLERANCE_SECONDS lets old deliveries pass for new."
        hint = "Use some minutes, an hour at most."
        yield Error(text, hint=hint, id="eventstore.E014")
    if settings.INGEST_A_MINUTE <= 0:
        text = "Anybody may send as many deliveries to be verified as they like."
        hint = "Set INGEST_A_MINUTE, unless the proxy in front limits them."
        yield Warning(text, hint=hint, id="eventstore.W014")
