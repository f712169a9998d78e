"""How events, times and JSON look in the back office."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
from django import template
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils import timezone
from django.utils.formats import get_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator, slugify
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from eventstore import codec, labels, sentences, zones
from eventstore.events import ERASED, RecordedEvent
from eventstore.masking import MASK

register = template.Library()

PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS

register.filter("spelled", zones.spelled)
register.filter("to_minute", zones.minute)
register.filter("sentence", sentences.sentence)
register.filter("actor", sentences.actor)
register.filter("via", sentences.source)
register.filter("plain", sentences.words)
register.filter("word", sentences.word)
register.filter("code", labels.code)
register.filter("label", labels.label)
register.filter("said", labels.said)
register.filter("fields", codec.fields)

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
AHEAD = timedelta(minutes=1)  # more is no difference of clocks that are right
SHORT = 14  # characters of a stream's name in a line
MANY_DAYS = 60  # beyond, months say more than days


@register.filter
def pretty(value: Any) -> str:
    """Return *value* as indented JSON; templates escape it."""
    return orjson.dumps(value, option=PRETTY, default=str).decode()


@register.filter
def instant(value: datetime) -> str:
    """Return a time as URLs carry it, nothing cut off: ``2026-11-06T15:00:00Z``."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


@register.filter
def moment(value: datetime) -> SafeString:
    """Return a time for reading, in the reader's zone: ``6 Nov 2026, 15:00:00 UTC``."""
    text = zones.spelled(value)
    if text.endswith(" UTC"):  # the tip would say it once more
        return format_html('<time datetime="{}">{}</time>', instant(value), text)
    return _time(value, text)


@register.filter
def in_utc(value: datetime) -> str:
    """Return a time as everybody else has it: ``6 Nov 2026, 14:00:00 UTC``."""
    with timezone.override(UTC):
        return zones.spelled(value)


@register.filter
def ahead(event: RecordedEvent) -> timedelta | None:
    """Return how long after it was recorded *event* says it occurred.

    None where that is no more than clocks differ.
    """
    by = event.occurred_at - event.recorded_at
    return by if by >= AHEAD else None


@register.filter
def precise(value: datetime) -> str:
    """Return a time where seconds are too coarse: ``6 Nov 2026, 15:00:00.123 UTC``."""
    here = zones.local(value)
    point = get_format("DECIMAL_SEPARATOR")
    thousandths = f"{value.microsecond // 1000:03d}"
    return f"{zones.clock(here)}{point}{thousandths} {zones.abbreviation(here)}"


@register.filter
def minute(value: datetime) -> SafeString:
    """Return a time where columns are many: ``6 Nov 2026, 15:00 UTC``."""
    return _time(value, zones.minute(value))


@register.filter
def is_time(value: Any) -> bool:
    """Say whether *value* is an instant, and no word or number."""
    return isinstance(value, datetime)


@register.filter
def ago(value: datetime) -> str:
    """Return how long ago that was, in one unit: ``12 days ago``."""
    seconds = max(int((timezone.now() - value).total_seconds()), 0)
    if seconds < MINUTE:
        return _("just now")
    if seconds < HOUR:
        count = seconds // MINUTE
        text = ngettext("{count} minute ago", "{count} minutes ago", count)
    elif seconds < DAY:
        count = seconds // HOUR
        text = ngettext("{count} hour ago", "{count} hours ago", count)
    elif seconds < MANY_DAYS * DAY:
        count = seconds // DAY
        text = ngettext("{count} day ago", "{count} days ago", count)
    else:
        return _("{time} ago").format(time=timesince(value, depth=1))
    return text.format(count=count)


@register.filter
def elapsed(value: timedelta) -> str:
    """Return a duration in the units that matter: ``12 ms``, ``3 min 4 s``."""
    seconds = value.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE:
        return f"{number_format(round(seconds, 1), 1)} s"
    whole = int(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


@register.filter
@lru_cache(maxsize=256)  # sources are few, and a page names them hundreds of times
def tone(source: str) -> str:
    """Return the class of CSS that colours what came from *source*."""
    return slugify(source)


@register.filter
def event_page(position: int) -> str:
    """Return the address of an event's page; a page of the log has hundreds."""
    return f"{_events_page(get_script_prefix())}{position}/"


@lru_cache(maxsize=16)
def _events_page(prefix: str) -> str:
    del prefix  # what the address begins with; part of the key
    return reverse("admin:events")


@register.simple_tag(takes_context=True)
def whose(context: Mapping[str, Any], event: RecordedEvent) -> SafeString:
    """Return a link to the user whom *event* is about, or else to its stream."""
    may_see = (
        event.category == "user"
        and (context["perms"]["projections"]["view_directoryentry"])
    )
    return format_html(
        '<a class="inline mono" href="{}" title="{}">{} v{}</a>',
        (may_see and _user_page(event)) or reverse("admin:stream", args=[event.stream]),
        event.stream,
        Truncator(event.stream).chars(SHORT),
        event.version,
    )


def _user_page(event: RecordedEvent) -> str:
    try:
        place = reverse("admin:user", args=[event.subject])
    except NoReverseMatch:  # a stream that only looks like a user's
        return ""
    return f"{place}?v={event.version}"


@register.filter
def initials(name: str) -> str:
    """Return the first letters of at most two words of *name*; none of no name."""
    words = [] if name in {ERASED, MASK} else name.split()
    return "".join(word[0] for word in [*words[:1], *words[1:][-1:]]).upper()


def _time(value: datetime, text: str) -> SafeString:
    """Return *text*, with the instant for machines, and in UTC in a tip."""
    utc = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        value.isoformat(),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        text,
    )
