"""Which events to show: the browser's query string as a form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from eventstore import codec, sentences, zones
from eventstore.admin.instants import InstantField
from eventstore.searching import EventFilter

PLACES = ("before", "after")  # where a page begins; no filter survives a change of them

WINDOWS = {
    "1m": (timedelta(minutes=1), gettext_lazy("1 minute")),
    "5m": (timedelta(minutes=5), gettext_lazy("5 minutes")),
    "1h": (timedelta(hours=1), gettext_lazy("1 hour")),
    "1d": (timedelta(days=1), gettext_lazy("1 day")),
}
DEFAULT_WINDOW = "5m"

FindStream = Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Filters that have a name, as a link.

    Attributes:
        query: The filters as a query string.
        role: Who else sees it; empty for oneself alone.
        is_current: Whether it is what the page shows.
    """

    name: str
    query: str
    role: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What stands above the table, and where the log stood when it was read.

    Attributes:
        mark: The watermark, when it was asked for with the views.
    """

    mark: int | None = None
    links: Sequence[View] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One filter that is on, and the query string without it."""

    label: str
    value: str
    without: str


def _type_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in codec.type_names()]


def _operators_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in codec.operators_types()]


class EventFilterForm(forms.Form):
    """``?stream=ada@example.com&type=UserCreated&since=2026-11-06T15:00Z``.

    ``around=2026-11-06T15:00:00Z&window=5m`` shows both sides of an instant instead.
    """

    stream = forms.CharField(
        required=False, max_length=300, label=gettext_lazy("Stream or user")
    )
    type = forms.MultipleChoiceField(
        required=False,
        choices=_type_choices,
        label=gettext_lazy("Type"),
        widget=forms.CheckboxSelectMultiple,
    )
    actor = forms.CharField(required=False, max_length=200, label=gettext_lazy("Actor"))
    source = forms.CharField(
        required=False, max_length=50, label=gettext_lazy("Source"), widget=forms.Select
    )
    since = InstantField(label=gettext_lazy("From"))
    until = InstantField(label=gettext_lazy("Before"))
    correlation = forms.UUIDField(required=False, label=gettext_lazy("Correlation"))
    around = InstantField(label=gettext_lazy("Around"), widget=forms.TextInput)

    title: StrOrPromise = gettext_lazy("Events")
    is_audit = False

    def __init__(self, query: QueryDict, *, find_stream: FindStream) -> None:
        """Read *query*; *find_stream* turns what staff type into a stream's name."""
        super().__init__(query, auto_id="filter_%s")
        self.find_stream = find_stream
        self.query = query
        self.fields["source"].widget.choices = [
            ("", _("any")),
            *sentences.SOURCES.items(),
            *self._unlisted_source(),
        ]
        self.fields["stream"].widget.attrs["placeholder"] = _("user-…, id or e-mail")
        self.fields["actor"].widget.attrs["placeholder"] = "staff:ada"
        self.fields["correlation"].widget.attrs["placeholder"] = _("id")
        self.fields["around"].widget.attrs["placeholder"] = _("yesterday 15:00")

    def clean_stream(self) -> str:
        """Return the stream's name for a name, a user's id or an e-mail address."""
        typed: str = self.cleaned_data["stream"]
        found = self.find_stream(typed) if typed else ""
        if found is None:
            raise ValidationError(_("No user has this e-mail address."))
        return found

    def instant(self) -> datetime | None:
        """Return the instant around which to look; None when none was understood."""
        self.is_valid()
        asked: datetime | None = self.cleaned_data.get("around")
        return asked

    def matching(self) -> EventFilter:
        """Return the filter; what could not be understood asks nothing."""
        self.is_valid()
        asked: dict[str, Any] = self.cleaned_data
        return EventFilter(
            stream=asked.get("stream", ""),
            types=asked.get("type") or self.types(),
            actor=asked.get("actor", ""),
            source=asked.get("source", ""),
            correlation_id=asked.get("correlation"),
            since=asked.get("since"),
            until=asked.get("until"),
        )

    def types(self) -> Sequence[str]:
        """Return the types that are shown when none is asked for; empty for all."""
        return ()

    def chips(self) -> Iterator[Chip]:
        """Yield the filters that are on, in the order of the form."""
        for name in self.fields:
            if name in self.errors:
                continue
            for value in filter(None, self.query.getlist(name)):
                yield Chip(
                    label=str(self.fields[name].label),
                    value=self._in_words(name, value),
                    without=without(self.query, name, value),
                )

    def _in_words(self, name: str, value: str) -> str:
        if name == "source":
            return sentences.source(value)
        found = self.cleaned_data[name]
        return zones.spelled(found) if isinstance(found, datetime) else value

    def _unlisted_source(self) -> list[tuple[str, str]]:
        asked = self.query.get("source", "")
        return [] if asked in {"", *sentences.SOURCES} else [(asked, asked)]


class AuditForm(EventFilterForm):
    """The same over what operators did: person, action, target, time."""

    title = gettext_lazy("Audit")
    is_audit = True
    stream = forms.CharField(
        required=False, max_length=300, label=gettext_lazy("Target")
    )
    type = forms.MultipleChoiceField(
        required=False,
        choices=_operators_choices,
        label=gettext_lazy("Action"),
        widget=forms.CheckboxSelectMultiple,
    )
    actor = forms.CharField(
        required=False, max_length=200, label=gettext_lazy("Person")
    )

    def __init__(self, query: QueryDict, *, find_stream: FindStream) -> None:
        """Read *query* as the event browser does."""
        super().__init__(query, find_stream=find_stream)
        self.fields["stream"].widget.attrs["placeholder"] = "staff-1, token-…"

    def types(self) -> Sequence[str]:
        """Return everything that operators do."""
        return codec.operators_types()


# Returns the views of whoever asks and a watermark, for a page with these filters.
FindViews = Callable[[HttpRequest, EventFilterForm], Views]


def without(query: QueryDict, name: str, value: str) -> str:
    """Return *query* less one value, back at its first page."""
    rest = query.copy()
    rest.setlist(name, [each for each in query.getlist(name) if each != value])
    for place in (*PLACES, "cursor", *(["window"] if name == "around" else [])):
        rest.pop(place, None)
    return f"?{rest.urlencode()}"
