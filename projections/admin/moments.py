"""A user at a moment of the past: what was so then, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eventstore import labels, zones
from eventstore.admin.instants import InstantField
from eventstore.events import RecordedEvent
from eventstore.zones import NotOnceError
from projections import queries
from projections.queries import FIELDS, Chapter


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldThen:
    """One field at the moment: its value, today's, and the event that set it.

    Attributes:
        is_changed: Whether the value is another one now, also where it is masked.
    """

    name: str
    then: str | None
    now: str | None
    set_by: RecordedEvent | None
    is_changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A user at a moment.

    Attributes:
        asked: The instant that was asked for; None when a version was, or now.
        is_truth: Whether what was true then was asked, not what was recorded by then.
        version: Number of events up to the moment; 0 before the user existed.
        head: Number of events there are.
        last: The event that was last; None before the user existed.
        following: The event that came next; None when none has.
        fields: The state then, beside today's.
        is_now: Whether nothing was asked, so that this is today.
    """

    asked: datetime | None
    is_truth: bool
    version: int
    head: int
    last: RecordedEvent | None
    following: RecordedEvent | None
    fields: Sequence[FieldThen]
    is_now: bool

    @property
    def begins_with(self) -> datetime | None:
        """The moment in whole seconds, never before it: what the inputs begin with."""
        at = self.asked or self.since
        if at is None or not at.microsecond:
            return at
        return at.replace(microsecond=0) + timedelta(seconds=1)

    @property
    def zone(self) -> str:
        """Name of the reader's zone, in which the moment is told."""
        return timezone.get_current_timezone_name()

    @property
    def since(self) -> datetime | None:
        """When the last event was recorded, or became true if that was asked."""
        return self._instant(self.last)

    @property
    def until(self) -> datetime | None:
        """The same of the event that came next."""
        return self._instant(self.following)

    @property
    def shown(self) -> int:
        """Version of the last event, which is the one to look at; 0 without one."""
        return 0 if self.last is None else self.last.version

    def _instant(self, event: RecordedEvent | None) -> datetime | None:
        if event is None:
            return None
        return event.occurred_at if self.is_truth else event.recorded_at


class MomentForm(forms.Form):
    """``?at=2026-11-06T15:00:00Z``, ``?as_of=…``, ``?v=6``, or a date and time.

    *as_of* asks what was true then, *at* what was recorded by then (ADR-0017).  A date
    and a time, and an instant without an offset, are read in the reader's zone.

    Attributes:
        choices: Instants that may be meant, where date and time were not once.
    """

    at = InstantField(label=gettext_lazy("When"))
    as_of = InstantField()
    v = forms.IntegerField(required=False, min_value=0)
    date = forms.DateField(
        required=False,
        label=gettext_lazy("Date"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    time = forms.TimeField(
        required=False,
        label=gettext_lazy("Time"),
        widget=forms.TimeInput(format="%H:%M:%S", attrs={"type": "time", "step": 1}),
    )

    def __init__(self, query: QueryDict, *, head: int) -> None:
        """Read *query*, for a user with *head* events."""
        super().__init__(query, auto_id="moment_%s")
        self.head = head
        self.choices: Sequence[datetime] = ()

    def clean_at(self) -> datetime | None:
        """Refuse what has not been yet."""
        return self._past("at")

    def clean_as_of(self) -> datetime | None:
        """Refuse what has not been yet."""
        return self._past("as_of")

    def clean_v(self) -> int | None:
        """Refuse a version that the user has not come to."""
        version: int | None = self.cleaned_data["v"]
        if version is not None and version > self.head:
            message = _("There are only {head} versions.").format(head=self.head)
            raise ValidationError(message)
        return version

    def typed(self) -> datetime | None:
        """Return the instant typed as date and time, or None when none was."""
        if not self.is_valid():
            return None
        date, time = self.cleaned_data["date"], self.cleaned_data["time"]
        if date is None:
            return None
        try:
            if time is not None:
                return zones.at(datetime.combine(date, time))
            end = datetime.combine(date, datetime.max.time())
            return min(zones.at(end), timezone.now()).replace(microsecond=0)
        except NotOnceError as error:
            self.choices = error.choices
            self.add_error("time", labels.refusal(error))
        except OverflowError:
            self.add_error("date", _("No log goes that far."))
        return None

    def _past(self, name: str) -> datetime | None:
        instant: datetime | None = self.cleaned_data[name]
        if instant is not None and instant > timezone.now():
            raise ValidationError(_("This moment is still to come."))
        return instant


def look(chapters: Sequence[Chapter], form: MomentForm) -> Moment:
    """Return the user whose whole history is *chapters* at the moment *form* asks."""
    told, version = _order(chapters, form)
    asked = _asked(form)
    at, as_of = asked.get("at"), asked.get("as_of")
    return _at(told, chapters, version, as_of or at, is_truth=as_of is not None)


def until(chapters: Sequence[Chapter], form: MomentForm) -> Sequence[Chapter]:
    """Return those of *chapters* that count at the moment, in the order that counts."""
    told, version = _order(chapters, form)
    return told[:version]


def _order(
    chapters: Sequence[Chapter], form: MomentForm
) -> tuple[Sequence[Chapter], int | None]:
    """Return the history that is asked for, and how much of it; None is all of it."""
    asked = _asked(form)
    at, as_of = asked.get("at"), asked.get("as_of")
    if as_of is not None:
        told = queries.in_order_of_truth(chapters)
        return told, sum(1 for each in told if each.event.occurred_at <= as_of)
    if at is not None:
        return chapters, sum(1 for each in chapters if each.event.recorded_at <= at)
    return chapters, asked.get("v")


def _asked(form: MomentForm) -> dict[str, Any]:
    return form.cleaned_data if form.is_valid() else {}


def _at(
    told: Sequence[Chapter],
    now: Sequence[Chapter],
    version: int | None,
    asked: datetime | None,
    *,
    is_truth: bool = False,
) -> Moment:
    count = len(told) if version is None else version
    then, following = told[:count], told[count : count + 1]
    return Moment(
        asked=asked,
        is_truth=is_truth,
        version=count,
        head=len(told),
        last=then[-1].event if then else None,
        following=following[0].event if following else None,
        fields=_fields(then, now),
        is_now=version is None,
    )


def _fields(then: Sequence[Chapter], now: Sequence[Chapter]) -> list[FieldThen]:
    set_by = queries.set_by(then)
    was, is_now = (_values(chapters) for chapters in (then, now))
    return [
        FieldThen(
            name=name,
            then=was[name],
            now=is_now[name],
            set_by=set_by.get(name),
            is_changed=was[name] != is_now[name],
        )
        for name in FIELDS
    ]


def _values(chapters: Sequence[Chapter]) -> dict[str, str | None]:
    state = chapters[-1].after if chapters else None
    return {
        name: None if state is None else str(getattr(state, name)) for name in FIELDS
    }
