"""What a list asks for, for whoever keeps it: understood as a whole, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import QueryDict

from eventstore.admin import sight
from eventstore.admin.filters import EventFilterForm
from eventstore.exports import kinds
from projections.admin.lookup import stream_ever


class AskingError(Exception):
    """The filter cannot be kept; the message says why, in words for staff."""


def of_events(
    form_class: type[EventFilterForm], asked: QueryDict, *, sees_all: bool
) -> dict[str, Any]:
    """Return the filter of the event browser, people in it by their streams.

    Raises:
        AskingError: It is not understood: nothing else is kept in its place.
    """
    if not sees_all and any("@" in each for each in asked.getlist("stream")):
        raise AskingError(str(sight.ONLY_BY_ID))
    form = form_class(asked, find_stream=stream_ever)
    refuse_errors(form)
    return of_form(form)


def of_form(form: EventFilterForm) -> dict[str, Any]:
    """Return what *form* understood, as JSON."""
    told = kinds.events_asked(form.matching())
    types = form.cleaned_data.get("type", [])  # not all that an audit shows
    return told | {"type": types}


def types_as_typed(asked: QueryDict) -> dict[str, Any]:
    """Return the types as staff said which: ``!UserCreated`` is what a view keeps."""
    return {"type": sorted({each for each in asked.getlist("type") if each})}


def refuse_errors(
    form: forms.Form, *, labelled: Callable[[str], str] | None = None
) -> None:
    """Go on only if *form* understood everything.

    Args:
        form: Of the list.
        labelled: Says what a field is called; its label where it is None.

    Raises:
        AskingError: It did not.
    """
    problems = []
    for name, each in form.errors.items():
        label = labelled(name) if labelled else form[name].label
        problems.append(f"{label}: {' '.join(map(str, each))}")
    if problems:
        raise AskingError(" ".join(problems))
