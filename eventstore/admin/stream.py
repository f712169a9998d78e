"""One stream of any kind: its events, its snapshots, its state, two versions beside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from eventstore import codec, streams
from eventstore.admin import sight
from eventstore.admin.pages import not_found, number, page
from eventstore.events import ERASED
from eventstore.masking import MASK
from eventstore.streams import Comparison


class VersionsForm(forms.Form):
    """``?from=3&to=7``, versions of one stream; 0 is "before the first event"."""

    to = forms.IntegerField(required=False, min_value=0, label=gettext_lazy("To"))

    def __init__(self, query: QueryDict, *, head: int) -> None:
        """Read *query*, for a stream with *head* events."""
        super().__init__(query, auto_id="versions_%s")
        begin = forms.IntegerField(
            required=False, min_value=0, label=gettext_lazy("From version")
        )
        self.fields = {"from": begin, **self.fields}  # no attribute may be called so
        self.head = head
        for each in self.fields.values():
            each.widget.attrs["max"] = head

    def clean(self) -> dict[str, Any]:
        """Refuse versions that the stream has not come to, or the wrong way round."""
        asked = self.cleaned_data
        old, new = asked.get("from"), asked.get("to")
        if max(old or 0, new or 0) > self.head:
            message = _("There are only {head} versions.").format(head=self.head)
            raise ValidationError(message)
        if old is not None and new is not None and old > new:
            raise ValidationError(_("Begin with the lower version."))
        return asked

    def versions(self) -> tuple[int, int]:
        """Return what was asked; the last change when nothing was, or not so."""
        asked = self.cleaned_data if self.is_valid() else {}
        new = asked.get("to")
        new = self.head if new is None else new
        old = asked.get("from")
        return (max(new - 1, 0) if old is None else min(old, new)), new


@require_safe
def stream(request: HttpRequest, stream: str) -> HttpResponse:
    """Show what any stream holds, newest first, and its state at two versions."""
    if "\x00" in stream or (found := _read(request, stream)) is None:
        message = _("There is no stream {stream}.").format(stream=stream)
        return not_found(request, message)
    form = VersionsForm(request.GET, head=found.head.version)
    old, new = form.versions()
    seen = sight.of(request)
    compared = streams.compare(stream, old, new)
    return page(
        request,
        "admin/eventstore/stream.html",
        title=stream,
        stream=stream,
        found=replace(found, events=seen.events(found.events)),
        form=form,
        old=old,
        new=new,
        compared=compared if seen.sees(stream) else _masked(compared),
        snapshots=streams.snapshots_of(stream),
    )


def _masked(compared: Comparison | None) -> Comparison | None:
    """Return a state without every value that may tell of a person."""
    if compared is None:
        return None
    plain = codec.impersonal_fields()
    fields = [
        each
        if each.name in plain
        else replace(each, old=_hidden(each.old), new=_hidden(each.new))
        for each in compared.fields
    ]
    state = compared.state
    if isinstance(state, dict):
        state = {k: v if k in plain else _hidden(v) for k, v in state.items()}
    else:
        state = _hidden(state)
    return replace(compared, fields=fields, state=state)


def _hidden(value: Any) -> Any:
    return value if value is None or value == ERASED else MASK


def _read(request: HttpRequest, stream: str) -> streams.StreamPage | None:
    return streams.read(stream, before=number(request, "before"))
