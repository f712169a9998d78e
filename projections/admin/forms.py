"""Forms that become commands: shape only, every rule is in ``users``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from eventstore import labels
from users.aggregate import ALLOWED_TRANSITIONS, User
from users.commands import (
    ChangeEmail,
    ChangeName,
    ChangeStatus,
    CreateUser,
    EraseUser,
    UserCommand,
)
from users.values import (
    EMAIL_LENGTH,
    NAME_LENGTH,
    REASON_LENGTH,
    SETTABLE_STATUSES,
    ErasureGround,
    Status,
)


def _name() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )


def _email() -> forms.CharField:
    # The browser's own idea of an address is narrower than ours.
    return forms.CharField(
        label=gettext_lazy("E-mail"),
        max_length=EMAIL_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
    )


class CommandForm(forms.Form):
    """Asks for a change of one user, at the version that staff have seen."""

    title: StrOrPromise
    command: Callable[..., UserCommand]
    expected_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    warning: StrOrPromise = ""
    takes_two = False  # whether sending it only asks a second person

    def __init__(self, *args: Any, state: User, **kwargs: Any) -> None:
        """Start from *state*, what the user is now."""
        super().__init__(*args, **kwargs)
        self.state = state

    def asks_again(self) -> bool:
        """Return whether to show the valid form once more, with what it will do."""
        return False

    def to_command(self, user_id: UUID) -> UserCommand:
        """Return what is asked for; only of a valid form."""
        asked = dict(self.cleaned_data)
        del asked["expected_version"]
        return self.command(user_id=user_id, **asked)


class ChangeNameForm(CommandForm):
    """Call a person otherwise."""

    title = gettext_lazy("Change name")
    command = ChangeName
    name = _name()


class ChangeEmailForm(CommandForm):
    """Reach a person at another address."""

    title = gettext_lazy("Change e-mail")
    command = ChangeEmail
    email = _email()


class ChangeStatusForm(CommandForm):
    """Let a person do more, or less."""

    title: StrOrPromise = gettext_lazy("Change status")
    command = ChangeStatus
    status = forms.CharField(label=gettext_lazy("Status"), widget=forms.Select)
    reason = forms.CharField(
        required=False,
        max_length=REASON_LENGTH,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Kept with the event, for ever."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, state: User, **kwargs: Any) -> None:
        """Offer what *state* may become, and what was asked for already."""
        super().__init__(*args, state=state, **kwargs)
        offered = {new for old, new in ALLOWED_TRANSITIONS if old == state.status}
        offered.add(state.status)
        asked = self["status"].value()
        self.fields["status"].widget.choices = [
            (status.value, labels.code(status).title())
            for status in SETTABLE_STATUSES
            if status in offered or status == asked
        ]

    def clean_status(self) -> Status:
        """Return the status; whether it may be is for the rules to say."""
        try:
            return Status(self.cleaned_data["status"])
        except ValueError:
            raise ValidationError(_("Choose one of the statuses.")) from None

    def clean(self) -> dict[str, Any]:
        """Ask why an account is closed."""
        if self._closes() and not self.cleaned_data.get("reason", "").strip():
            self.add_error("reason", _("Say why the user is deactivated."))
        return self.cleaned_data

    def asks_again(self) -> bool:
        """Return whether it closes an account and nobody said yes to that."""
        wanted = Status.DEACTIVATED.value
        if not self._closes() or self.cleaned_data["confirmed"] == wanted:
            return False
        self.data = {**dict(self.data.items()), "confirmed": wanted}
        self.title = _("Deactivate user")
        self.warning = _(
            "From then on this person counts as deactivated in every list, export and"
            " answer of the API. They can become active again, but not suspended."
        )
        return True

    def to_command(self, user_id: UUID) -> UserCommand:
        """Return ``ChangeStatus``."""
        asked = self.cleaned_data
        return ChangeStatus(
            user_id=user_id, status=asked["status"], reason=asked["reason"]
        )

    def _closes(self) -> bool:
        asked = self.cleaned_data.get("status")
        return asked is Status.DEACTIVATED and self.state.status is not asked


GROUNDS: list[tuple[str, StrOrPromise]] = [
    (ErasureGround.REQUEST, gettext_lazy("The person asked for it")),
    (ErasureGround.RETENTION, gettext_lazy("We may keep it no longer")),
    (ErasureGround.UNLAWFUL, gettext_lazy("We should never have had it")),
]


class EraseForm(CommandForm):
    """Make what is known of a person unreadable, for good."""

    title = gettext_lazy("Erase user")
    command = EraseUser
    warning = gettext_lazy(
        "The key under which this person's data is sealed is destroyed. Nobody can "
        "undo this. The events stay, and no longer tell of whom."
    )
    ground = forms.ChoiceField(
        label=gettext_lazy("Ground"),
        choices=GROUNDS,
        widget=forms.Select,
    )
    confirmation = forms.CharField(
        label=gettext_lazy("Type the e-mail address of this user"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
    )

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=REASON_LENGTH,
        help_text=gettext_lazy(
            "For the second person. It is sealed with the data of this user, and gone"
            " with it."
        ),
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("for example: ticket OPS-412")}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask for a reason only where a second person reads it."""
        super().__init__(*args, **kwargs)
        self.takes_two: bool = settings.FOUR_EYES
        if not self.takes_two:
            del self.fields["reason"]

    def clean_ground(self) -> ErasureGround:
        """Return the ground."""
        return ErasureGround(self.cleaned_data["ground"])

    def clean_confirmation(self) -> str:
        """Go on only if the person who is shown is the one who is meant."""
        typed: str = self.cleaned_data["confirmation"]
        if typed.strip().casefold() != self.state.email.casefold():
            raise ValidationError(_("This is not the e-mail address of this user."))
        return typed

    def to_command(self, user_id: UUID) -> UserCommand:
        """Return ``EraseUser``."""
        return EraseUser(user_id=user_id, ground=self.cleaned_data["ground"])


class CreateUserForm(forms.Form):
    """Make a person known; the id is made with the form, so it works only once."""

    user_id = forms.UUIDField(initial=uuid.uuid7, widget=forms.HiddenInput)
    name = _name()
    email = _email()

    def to_command(self) -> CreateUser:
        """Return ``CreateUser``."""
        return CreateUser(**self.cleaned_data)


class ReprocessForm(forms.Form):
    """Why a row is derived anew, and proof of the preview that was looked at."""

    token = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Recorded with the event, for ever."),
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("for example: ticket OPS-412")}
        ),
    )


class RunForm(ReprocessForm):
    """The same of many users, who may be too many to be repaired unseen."""

    canary = forms.BooleanField(
        required=False,
        initial=True,
        label=gettext_lazy("Try 5 first, then ask me"),
    )
