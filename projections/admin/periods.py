"""Times that staff type to say which users: when created, or touched by which events.

The REST API and the command line take instants with an offset only; staff need not
write one.
"""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from eventstore.admin.instants import InstantField

POSITION = re.compile(r"#?[\d,.]{1,30}")


class PeriodForm(forms.Form):
    """``?created_since=2026-11-06T15:00:00Z&updated_until=yesterday 15:00``."""

    created_since = InstantField(label=gettext_lazy("Created from"))
    created_until = InstantField(label=gettext_lazy("Created before"))
    updated_since = InstantField(label=gettext_lazy("Updated from"))
    updated_until = InstantField(label=gettext_lazy("Updated before"))

    def understood(self, query: QueryDict) -> QueryDict:
        """Return *query* without those that were not."""
        rest = query.copy()
        for name in self.errors:
            rest.pop(name, None)
        return rest


class PlaceField(InstantField):
    """A position, as it was typed, or an instant."""

    widget = forms.TextInput

    def clean(self, value: Any) -> Any:
        """Return the position, the instant, or None when neither was typed.

        Raises:
            ValidationError: It is neither, or no single instant.
        """
        typed = str(value or "").strip()
        return typed if POSITION.fullmatch(typed) else super().clean(value)


class RangeForm(forms.Form):
    """``?first=875002&last=2026-11-06T15:00:00Z``: from where to where of the log."""

    first = PlaceField(
        label=gettext_lazy("From"),
        help_text=gettext_lazy(
            "A position, or a time such as yesterday 15:00. Empty: the beginning and"
            " the end of the log."
        ),
    )
    last = PlaceField(label=gettext_lazy("To, inclusive"))

    def __init__(self, *args: Any) -> None:
        """Show what may be typed."""
        super().__init__(*args)
        told = {"autocomplete": "off"}
        self.fields["first"].widget.attrs |= told | {"placeholder": "#875,002"}
        self.fields["last"].widget.attrs |= told | {
            "placeholder": "2026-11-06 15:00",
            "aria-describedby": "id_first_helptext",
        }
