"""Forms about API tokens: shape only, every rule is in ``users.tokens``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eventstore import zones
from users.scopes import Scope
from users.values import NAME_LENGTH, REASON_LENGTH

LIFETIME = timedelta(days=365)  # offered; rotating once a year is the least
MEANINGS = {
    Scope.USERS_READ: gettext_lazy("search users and read their history"),
    Scope.USERS_WRITE: gettext_lazy("create users and change them"),
    Scope.USERS_ERASE: gettext_lazy("erase a user's personal data, for good"),
    Scope.EVENTS_READ: gettext_lazy("read the log across all users"),
    Scope.METRICS_READ: gettext_lazy(
        "read how far everything has come, for monitoring"
    ),
    Scope.PERSONAL_READ: gettext_lazy("see names, e-mail addresses and reasons"),
}


def _reason() -> forms.CharField:
    return forms.CharField(
        max_length=REASON_LENGTH,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Recorded with the event, for ever."),
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("for example: ticket OPS-412")}
        ),
    )


def _in_a_year() -> date:
    return timezone.localdate() + LIFETIME


class IssueTokenForm(forms.Form):
    """Who gets a token, for what, and until when."""

    name = forms.CharField(
        max_length=NAME_LENGTH,
        label=gettext_lazy("Client"),
        help_text=gettext_lazy(
            "Who will use the token. Every event that it causes says client:<name>."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"), widget=forms.CheckboxSelectMultiple
    )
    expires = forms.DateField(
        required=False,
        initial=_in_a_year,
        help_text=gettext_lazy("Leave it empty for a token that never expires."),
        error_messages={
            "invalid": gettext_lazy("Enter a day such as 2027-01-31, or nothing.")
        },
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    reason = _reason()

    def __init__(self, *args: Any, offered: Collection[Scope], **kwargs: Any) -> None:
        """Offer the scopes that whoever issues the token may hand out."""
        super().__init__(*args, **kwargs)
        zone = timezone.get_current_timezone_name()
        self.fields["expires"].label = _("Last day ({zone})").format(zone=zone)
        self.fields["scopes"].choices = [  # type: ignore[attr-defined]
            (scope.value, meaning)
            for scope, meaning in MEANINGS.items()
            if scope in offered
        ]

    def clean_expires(self) -> datetime | None:
        """Return the end of the day on the reader's clock, aware."""
        day: date | None = self.cleaned_data["expires"]
        if day is None:
            return None
        try:
            return zones.beginning(day + timedelta(days=1))
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def clean_scopes(self) -> set[Scope]:
        """Return the scopes."""
        return {Scope(each) for each in self.cleaned_data["scopes"]}


class RevokeTokenForm(forms.Form):
    """Why a token ends."""

    reason = _reason()
