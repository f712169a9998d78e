"""What a list asks for, for whoever keeps it: understood as a whole, or refused."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from eventstore.admin import sight
from eventstore.admin.filters import EventFilterForm
from eventstore.exports import kinds
from projections.admin.lookup import stream_of


class AskingError(Exception):
    """The filter cannot be kept; the message says why, in words for staff."""


def of_events(
    form_class: type[EventFilterForm], asked: QueryDict, *, sees_all: bool
) -> dict[str, Any]:
    """Return the filter of the event browser, people in it by their streams.

    Raises:
        AskingError: It is not understood: nothing else is kept in its place.
    """
    if "@" in asked.get("stream", "") and not sees_all:
        raise AskingError(str(sight.ONLY_BY_ID))
    form = form_class(asked, find_stream=stream_of)
    refuse_errors(form)
    return of_form(form)


def of_form(form: EventFilterForm) -> dict[str, Any]:
    """Return what *form* understood, as JSON."""
    told = kinds.events_asked(form.matching())
    types = form.cleaned_data.get("type", [])  # not all that an audit shows
    return told | {"type": sorted(set(types))}


def refuse_errors(form: forms.Form) -> None:
    """Go on only if *form* understood everything.

    Raises:
        AskingError: It did not.
    """
    problems = [
        f"{name}: {' '.join(map(str, each))}" for name, each in form.errors.items()
    ]
    if problems:
        raise AskingError(" ".join(problems))
