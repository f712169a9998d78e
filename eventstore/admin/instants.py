"""A form's field for an instant: typed on the reader's clock, in addresses in UTC."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.utils import timezone

from eventstore import labels, zones
from eventstore.admin.times import refusal, understood
from eventstore.templatetags.backoffice import instant
from eventstore.zones import NotOnceError

NOT_ONCE = "not_once"
MAX_LENGTH = 100  # characters
CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")  # what an input for times shows


class InstantInput(forms.TextInput):
    """An input for date and time; for text where it could not show what it holds."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"step": 1})

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Return what the template shows."""
        context = super().get_context(name, value, attrs)
        if value and not CLOCK.fullmatch(str(value)):
            context["widget"]["type"] = "text"
        return context


class InstantBound(BoundField):
    """The field of a form that was asked; its label names the zone."""

    def __init__(self, form: forms.BaseForm, field: forms.Field, name: str) -> None:
        super().__init__(form, field, name)
        self.label = f"{self.label} ({timezone.get_current_timezone_name()})"

    @property
    def choices(self) -> list[tuple[str, str]]:
        """What may be meant, where that was not once: words, and an address."""
        return list(self._choices())

    def _choices(self) -> Iterator[tuple[str, str]]:
        for error in self.form.errors.as_data().get(self.html_name, ()):
            for each in (error.params or {}).get(NOT_ONCE, ()):
                query = QueryDict(mutable=True)
                query.update(self.form.data)
                query[self.html_name] = instant(each)
                yield zones.spelled(each), f"?{query.urlencode()}"


class InstantField(forms.CharField):
    """An instant: aware UTC, or None.  What says no zone is read in the reader's."""

    widget: type[forms.Widget] = InstantInput

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=MAX_LENGTH, **options)

    def clean(self, value: Any) -> Any:
        """Return the instant, or None when none was typed.

        Raises:
            ValidationError: It is none, or no single one; then it holds the choices.
        """
        typed = super().clean(value)
        if not typed:
            return None
        try:
            found = understood(typed, timezone.now())
        except NotOnceError as error:
            raise ValidationError(
                labels.refusal(error), NOT_ONCE, {NOT_ONCE: error.choices}
            ) from error
        if found is None:
            raise ValidationError(refusal(typed), "invalid")
        return found

    def prepare_value(self, value: Any) -> Any:
        """Return what an input shows: the reader's clock; what is none, as it is.

        With its offset where the clock alone would say less, or something else.
        """
        try:
            found = self.clean(value)
        except ValidationError:
            return value
        if not isinstance(found, datetime):
            return value
        here = zones.local(found)
        is_clock = isinstance(self.widget, InstantInput)
        if is_clock and _is_told_by_the_clock(here):
            return here.strftime("%Y-%m-%dT%H:%M:%S")
        return here.isoformat(" ")

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        """Return the field as *form* has it."""
        return InstantBound(form, self, field_name)


def absolute(
    request: HttpRequest, form: forms.Form, *, less: Collection[str] = ()
) -> HttpResponseRedirect | None:
    """Return the way to this page with its instants in UTC; None where they are.

    So a copied link shows every reader the same.

    Args:
        request: Of the page.
        form: That was asked what the address says.
        less: Names that go, as they made sense beside the old ones only.
    """
    query = in_utc(request.GET, form)
    if query == request.GET:
        return None
    for name in less:
        query.pop(name, None)
    return redirect(f"{request.path}?{query.urlencode()}")


def in_utc(query: QueryDict, form: forms.Form) -> QueryDict:
    """Return *query* with the instants that *form* understood in UTC."""
    told = query.copy()
    for name, field in form.fields.items():
        if isinstance(field, InstantField) and name not in form.errors:
            found = form.cleaned_data.get(name)
            if isinstance(found, datetime):
                told[name] = instant(found)
    return told


def _is_told_by_the_clock(here: datetime) -> bool:
    try:
        return zones.at(here.replace(tzinfo=None, fold=0)) == here and (
            not here.microsecond
        )
    except NotOnceError:
        return False
