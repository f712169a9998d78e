"""The history of a user as a page tells it: some of it, and long runs in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from eventstore import labels, sentences
from eventstore.events import RecordedEvent
from projections.queries import FIELDS, Chapter

LONG = 5  # chapters; a run of more is one line
KEPT = ("at", "as_of", "v")  # of an address, beside what is filtered


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A link above the history.

    Attributes:
        href: A query.
    """

    words: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Chapters that follow one another, of one source and one conversation.

    Attributes:
        fields: What they changed, as staff call it.
        is_folded: Whether they are one line until somebody opens it.
    """

    chapters: Sequence[Chapter]
    fields: str
    is_folded: bool

    @property
    def first(self) -> RecordedEvent:
        """The oldest: a page tells the newest first."""
        return self.chapters[-1].event


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What of a history is told; empty is everything.

    Attributes:
        field: That was changed.
        source: That it came from.
    """

    field: str
    source: str

    def of(self, chapters: Sequence[Chapter]) -> Sequence[Chapter]:
        """Return those of *chapters* that are told."""
        return [each for each in chapters if self._has(each)]

    def _has(self, chapter: Chapter) -> bool:
        names = {change.field for change in chapter.changes}
        is_source = self.source in ("", chapter.event.source)
        return is_source and (not self.field or self.field in names)


def asked(request: HttpRequest, chapters: Sequence[Chapter]) -> Filter:
    """Return what *request* asks for; what no chapter could have is not asked."""
    field, source = (request.GET.get(name, "") for name in ("field", "source"))
    known = {each.event.source for each in chapters}
    return Filter(
        field=field if field in FIELDS else "", source=source if source in known else ""
    )


def choices(
    request: HttpRequest, told: Filter, chapters: Sequence[Chapter]
) -> list[list[Choice]]:
    """Return the links that choose a field, and a source where there are several."""
    sources = sorted({each.event.source for each in chapters})
    fields = [("", _("All fields"))] + [(name, labels.label(name)) for name in FIELDS]
    found = [[_choice(request, told, "field", *each) for each in fields]]
    if len(sources) > 1:
        named = [("", _("All sources"))] + [(n, sentences.source(n)) for n in sources]
        found.append([_choice(request, told, "source", *each) for each in named])
    return found


def query(request: HttpRequest, told: Filter, **changes: str) -> str:
    """Return the query of *told*, or of another, at the moment that was asked."""
    wanted = QueryDict(mutable=True)
    kept = {name: request.GET[name] for name in KEPT if name in request.GET}
    parts = kept | {"field": told.field, "source": told.source} | changes
    wanted.update({name: value for name, value in parts.items() if value})
    return f"?{wanted.urlencode()}"


def runs(chapters: Sequence[Chapter], *, shown: int) -> list[Run]:
    """Return *chapters* in runs; none with the version *shown* is folded."""
    found = []
    for _key, group in groupby(chapters, key=_conversation):
        run = list(group)
        is_shown = any(each.event.version == shown for each in run)
        names = {change.field for each in run for change in each.changes}
        words = ", ".join(labels.label(name) for name in FIELDS if name in names)
        found.append(
            Run(
                chapters=run,
                fields=words or "—",
                is_folded=len(run) > LONG and not is_shown,
            )
        )
    return found


def _conversation(chapter: Chapter) -> tuple[str, object]:
    return chapter.event.source, chapter.event.correlation_id


def _choice(
    request: HttpRequest, told: Filter, name: str, value: str, words: str
) -> Choice:
    return Choice(
        words=words,
        href=query(request, told, **{name: value}),
        is_current=getattr(told, name) == value,
    )
