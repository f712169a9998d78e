"""Which events to show: the browser's query string as a form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from eventstore import codec, sentences, zones
from eventstore.admin.instants import InstantField
from eventstore.admin.types import TypeField, Types
from eventstore.searching import EventFilter

PLACES = ("before", "after")  # where a page begins; no filter survives a change of them

WINDOWS = {
    "1m": (timedelta(minutes=1), gettext_lazy("1 minute")),
    "5m": (timedelta(minutes=5), gettext_lazy("5 minutes")),
    "1h": (timedelta(hours=1), gettext_lazy("1 hour")),
    "1d": (timedelta(days=1), gettext_lazy("1 day")),
}
DEFAULT_WINDOW = "5m"

MAX_POSITION = 2**63 - 1
MOST_VALUES = 10  # of a field that takes several
MOST_PARTS = 100  # combinations: each is a probe of an index, or some (ADR-0027)

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
        stored: About how many events there are; 0 where nobody knows, or asked.
    """

    mark: int | None = None
    stored: int = 0
    links: Sequence[View] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One filter that is on, and the query string without it."""

    label: str
    value: str
    without: str


class Inputs(forms.TextInput):
    """An input for each value, and one more beside them."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return all values."""
        del files
        return data.getlist(name)

    def render(
        self, name: str, value: Any, attrs: Any = None, renderer: Any = None
    ) -> SafeString:
        """Return the inputs; the label is of the first."""
        one = super().render
        first, *others = [*filter(None, value or []), ""]
        about = {key: told for key, told in (attrs or {}).items() if key != "id"}
        more = about | {"aria-label": _("or"), "placeholder": _("or …")}
        inputs = [one(name, first, attrs, renderer)]
        inputs += [one(name, each, more, renderer) for each in others]
        return format_html_join("", "{}", ((each,) for each in inputs))


class ManyField(forms.CharField):
    """Any of some texts: a list, each once."""

    widget = Inputs

    def clean(self, value: Any) -> Any:
        """Return the values.

        Raises:
            ValidationError: They are too many, or one is no text.
        """
        one = super().clean
        found = list(dict.fromkeys(filter(None, map(one, value or []))))
        if len(found) > MOST_VALUES:
            message = _("Ask for at most {most} at once.")
            raise ValidationError(message.format(most=MOST_VALUES))
        return found


def _every_type() -> Types:
    return Types(codec.type_names(), is_log=True)


def _operators_types() -> Types:
    return Types(codec.operators_types(), is_log=False)


class EventFilterForm(forms.Form):
    """``?stream=ada@example.com&type=UserCreated&since=2026-11-06T15:00Z``.

    ``around=2026-11-06T15:00:00Z&window=5m`` shows both sides of an instant instead.
    """

    stream = ManyField(
        required=False, max_length=300, label=gettext_lazy("Stream or user")
    )
    type = TypeField(label=gettext_lazy("Type"), types=_every_type)
    actor = ManyField(required=False, max_length=200, label=gettext_lazy("Actor"))
    source = ManyField(
        required=False,
        max_length=50,
        label=gettext_lazy("Source"),
        widget=forms.CheckboxSelectMultiple,
    )
    since = InstantField(label=gettext_lazy("From"))
    until = InstantField(label=gettext_lazy("Before"))
    correlation = forms.UUIDField(required=False, label=gettext_lazy("Correlation"))
    from_position = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_POSITION,
        label=gettext_lazy("From position"),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    around = InstantField(label=gettext_lazy("Around"), widget=forms.TextInput)

    title: StrOrPromise = gettext_lazy("Events")
    is_audit = False

    def __init__(self, query: QueryDict, *, find_stream: FindStream) -> None:
        """Read *query*; *find_stream* turns what staff type into a stream's name."""
        super().__init__(query, auto_id="filter_%s")
        self.find_stream = find_stream
        self.query = query
        kinds = cast("TypeField", self.fields["type"]).types().registered
        self._offer("type", {name: name for name in kinds})
        self._offer("source", sentences.SOURCES)
        self.fields["stream"].widget.attrs["placeholder"] = _("user-…, id or e-mail")
        self.fields["actor"].widget.attrs["placeholder"] = "staff:ada"
        self.fields["correlation"].widget.attrs["placeholder"] = _("id")
        self.fields["around"].widget.attrs["placeholder"] = _("yesterday 15:00")

    def clean_stream(self) -> list[str]:
        """Return streams' names for names, users' ids or e-mail addresses."""
        found = [self.find_stream(typed) for typed in self.cleaned_data["stream"]]
        names = [each for each in found if each is not None]
        if len(names) < len(found):
            raise ValidationError(_("No user has this e-mail address."))
        return list(dict.fromkeys(names))

    def clean(self) -> dict[str, Any]:
        """Refuse combinations that would take a page too long to look for."""
        asked = self.cleaned_data
        if asked.get("from_position") and (asked.get("since") or asked.get("until")):
            words = _("Ask from a position or by time: one of the two.")
            self.add_error("from_position", words)
        for name in ("source", "actor", "stream"):  # what was added is what goes
            several = len(asked.get(name) or ())
            if several > 1 and len(self._filter(asked).parts) > MOST_PARTS:
                words = _("Too many combinations at once: ask for fewer of these.")
                self.add_error(name, words)
        return asked

    def instant(self) -> datetime | None:
        """Return the instant around which to look; None when none was understood."""
        self.is_valid()
        asked: datetime | None = self.cleaned_data.get("around")
        return asked

    def matching(self) -> EventFilter:
        """Return the filter; what could not be understood asks nothing."""
        self.is_valid()
        return self._filter(self.cleaned_data)

    def _filter(self, asked: Mapping[str, Any]) -> EventFilter:
        return EventFilter(
            streams=tuple(asked.get("stream", ())),
            types=tuple(asked.get("type") or self.types()),
            actors=tuple(asked.get("actor", ())),
            sources=tuple(asked.get("source", ())),
            correlation_id=asked.get("correlation"),
            since=asked.get("since"),
            until=asked.get("until"),
            from_position=asked.get("from_position"),
        )

    def types(self) -> Sequence[str]:
        """Return the types that are shown when none is asked for; empty for all."""
        return ()

    def chips(self) -> Iterator[Chip]:
        """Yield the filters that are on, in the order of the form."""
        for name in self.fields:
            if name in self.errors:
                continue
            for value in self._asked(name):
                yield Chip(
                    label=str(self.fields[name].label),
                    value=self._in_words(name, value),
                    without=without(self.query, name, *self.query.getlist(name))
                    if not self._is_list(name)
                    else without(self.query, name, value),
                )

    def _asked(self, name: str) -> Iterator[str]:
        """Yield what is asked of one field: of what is no list the last counts."""
        given = self.query.getlist(name)
        yield from filter(
            None, dict.fromkeys(given if self._is_list(name) else given[-1:])
        )

    def _is_list(self, name: str) -> bool:
        return isinstance(self.cleaned_data.get(name), list)

    def _in_words(self, name: str, value: str) -> str:
        if name == "source":
            return sentences.source(value)
        found = self.cleaned_data[name]
        return zones.spelled(found) if isinstance(found, datetime) else value

    def _offer(self, name: str, listed: Mapping[str, StrOrPromise]) -> None:
        """Offer what is listed, and what else is asked for."""
        asked = {each: each for each in self.query.getlist(name) if each}
        self.fields[name].widget.choices = [*({**asked, **listed}).items()]


class AuditForm(EventFilterForm):
    """The same over what operators did: person, action, target, time."""

    title = gettext_lazy("Audit")
    is_audit = True
    stream = ManyField(required=False, max_length=300, label=gettext_lazy("Target"))
    type = TypeField(label=gettext_lazy("Action"), types=_operators_types)
    actor = ManyField(required=False, max_length=200, label=gettext_lazy("Person"))

    def __init__(self, query: QueryDict, *, find_stream: FindStream) -> None:
        """Read *query* as the event browser does."""
        super().__init__(query, find_stream=find_stream)
        self.fields["stream"].widget.attrs["placeholder"] = "staff-1, token-…"

    def types(self) -> Sequence[str]:
        """Return everything that operators do."""
        return codec.operators_types()


# Returns the views of whoever asks and a watermark, for a page with these filters.
FindViews = Callable[[HttpRequest, EventFilterForm], Views]


def without(query: QueryDict, name: str, *values: str) -> str:
    """Return *query* less some values of a name, back at its first page."""
    rest = query.copy()
    rest.setlist(name, [each for each in query.getlist(name) if each not in values])
    for place in (*PLACES, "cursor", *(["window"] if name == "around" else [])):
        rest.pop(place, None)
    return f"?{rest.urlencode()}"
