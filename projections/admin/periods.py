"""Times that staff type to say which users: when created, or touched by which events.

The REST API and the command line take instants with an offset only; staff need not
write one.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
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


class PastForm(forms.Form):
    """``?at=2026-11-06T15:00:00Z`` or ``?as_of=…``: the list as it was (ADR-0029)."""

    at = InstantField(label=gettext_lazy("As recorded at"))
    as_of = InstantField(label=gettext_lazy("As it was true at"))

    def clean_at(self) -> datetime | None:
        """Refuse what has not been yet."""
        return self._past("at")

    def clean_as_of(self) -> datetime | None:
        """Refuse what has not been yet, and two pasts at once."""
        asked = self._past("as_of")
        if asked and self.data.get("at"):
            raise ValidationError(_("Ask for one of the two."))
        return asked

    def asked(self) -> dict[str, datetime]:
        """Return ``at`` or ``as_of``; nothing for now."""
        self.is_valid()
        return {name: found for name, found in self.cleaned_data.items() if found}

    def _past(self, name: str) -> datetime | None:
        asked: datetime | None = self.cleaned_data[name]
        if asked is not None and asked > timezone.now():
            raise ValidationError(_("This moment is still to come."))
        return asked


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
