"""The zone in which a reader sees instants, and in which what they type is read.

It is the browser's: a cookie names it.  Everything that is stored, every address and
every export is in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

COOKIE = "zone"
COOKIE_SECONDS = 365 * 86_400
SECOND = timedelta(seconds=1)


class NotOnceError(ValueError):
    """A time on the clock that came twice, or never, in the night the clocks changed.

    Attributes:
        choices: Instants that may be meant, aware UTC, in order: both of them where the
            time came twice, the last before and the first after where it never came.
    """

    def __init__(self, message: str, choices: Sequence[datetime]) -> None:
        super().__init__(message)
        self.choices = choices


@cache
def names() -> tuple[str, ...]:
    """Return the zones there are to choose from; UTC and places."""
    return ("UTC", *sorted(name for name in available_timezones() if "/" in name))


class ZoneForm(forms.Form):
    """Which zone."""

    zone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in names()],
        label=gettext_lazy("Time zone"),
        widget=forms.Select(attrs={"data-zone": "", "translate": "no"}),
    )


def of(request: HttpRequest) -> tzinfo:
    """Return the zone of whoever reads; UTC when none was chosen."""
    name = request.COOKIES.get(COOKIE, "")
    return ZoneInfo(name) if name in names() else UTC


def keep(response: HttpResponse, name: str) -> None:
    """Have the browser remember the zone called *name*, for a year."""
    response.set_cookie(
        COOKIE,
        name,
        max_age=COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def local(value: datetime) -> datetime:
    """Return an instant on the reader's clock; in UTC where no clock goes so far."""
    try:
        return timezone.localtime(value)
    except OverflowError:
        return value.astimezone(UTC)


def spelled(value: datetime) -> str:
    """Return an instant in the reader's zone: ``6 Nov 2026, 16:00:00 CET``."""
    here = local(value)
    return f"{clock(here)} {abbreviation(here)}"


def minute(value: datetime) -> str:
    """Return the minute of an instant, likewise: ``6 Nov 2026, 16:00 CET``."""
    here = local(value)
    day = date_format(here, pgettext("format", "j M Y, H:i"))
    return f"{day} {abbreviation(here)}"


def clock(here: datetime) -> str:
    """Return date and time as the reader's language writes them, in the zone given."""
    return date_format(here, pgettext("format", "j M Y, H:i:s"))


def abbreviation(here: datetime) -> str:
    """Return the name that the zone of *here* has then; without one, its offset."""
    name = here.tzname() or ""
    return name if name.isalpha() else f"UTC{here.isoformat()[-6:]}"


def at(naive: datetime) -> datetime:
    """Return the instant, aware UTC, at which the reader's clock showed *naive*.

    Raises:
        NotOnceError: It showed that twice, or never.
        OverflowError: No clock goes so far.
    """
    zone = timezone.get_current_timezone()
    first, second = (
        naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    if first == second:
        return first
    if first < second:
        raise NotOnceError(
            _("The clock showed this twice: {first} and {second}. Which?").format(
                first=spelled(first), second=spelled(second)
            ),
            (first, second),
        )
    change = _change(second, first, zone)
    raise NotOnceError(
        _(
            "The clock never showed this: it went from {last} to {next}."
            " These are the nearest times."
        ).format(last=spelled(change - SECOND), next=spelled(change)),
        (change - SECOND, change),
    )


def beginning(day: date) -> datetime:
    """Return the instant, aware UTC, at which *day* begins on the reader's clock.

    Raises:
        OverflowError: No clock goes so far.
    """
    try:
        return at(datetime.combine(day, time.min))
    except NotOnceError as error:
        # Midnight came twice, or the day began later than that.
        first, second = error.choices
        return first if local(first).date() == day else second


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return the first whole second between the two at which *zone* has changed."""
    before = before.replace(microsecond=0)
    old = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // (2 * SECOND) * SECOND
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
