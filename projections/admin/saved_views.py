"""Saved views of the event browser: above its table, saved, listed, deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from eventstore import browser, labels, sentences
from eventstore.admin import sight
from eventstore.admin.filters import PLACES, EventFilterForm, View, Views
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.events import ADMIN, SALESFORCE
from eventstore.exports.kinds import in_words
from eventstore.saved_views import keeping
from eventstore.saved_views.errors import (
    SavedViewError,
    ViewGoneError,
    ViewNotYoursError,
)
from eventstore.saved_views.keeping import NAME_LENGTH, Role
from projections.admin.asked import AskingError, of_events, of_form, types_as_typed
from projections.admin.commands import REFUSED
from users import values
from users.errors import InvalidValueError

FORBIDDEN = 403
# What everybody has to begin with; no event tells of a refused command.
STARTERS: Sequence[tuple[Any, dict[str, Any]]] = (
    (gettext_lazy("Salesforce backfills"), {"source": SALESFORCE}),
    (gettext_lazy("E-mail changes"), {"type": ["UserEmailChanged"]}),
    (gettext_lazy("Back-office changes"), {"source": ADMIN}),
)
NOT_KEPT = (*PLACES, "around", "window")  # where a page stands, and not what it asks
ADDRESS = re.compile(r"\S@\S")
# What somebody typed and the log shall not keep, unless it knows it.
UNKNOWN = {
    "stream": gettext_lazy(
        "No event has the stream “{value}”: a view is of streams that exist."
    ),
    "actor": gettext_lazy(
        "No event has the actor “{value}”: a view is of actors that did something."
    ),
    "source": gettext_lazy(
        "No event has the source “{value}”: a view is of sources that exist."
    ),
}


class ViewForm(forms.Form):
    """What the view is called, and who sees it."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("Recorded for ever: name no person in it."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "placeholder": gettext_lazy("for example: refunds by hand"),
            }
        ),
    )
    role = forms.TypedChoiceField(
        label=gettext_lazy("Who sees it"), required=False, coerce=int, empty_value=None
    )

    def __init__(self, *args: Any, roles: Sequence[Role], **options: Any) -> None:
        """Offer to share with *roles*."""
        super().__init__(*args, **options)
        choices = [(role.pk, role.name) for role in roles]
        field = cast("forms.TypedChoiceField", self.fields["role"])
        field.choices = [("", _("only me")), *choices]
        self.roles = {role.pk: role for role in roles}
        if not roles:
            del self.fields["role"]

    def clean_name(self) -> str:
        """Return the name as the log takes it."""
        try:
            name = values.person_name(self.cleaned_data["name"])
        except InvalidValueError as error:
            raise ValidationError(labels.refusal(error)) from error
        if ADDRESS.search(name):
            raise ValidationError(
                _("Leave e-mail addresses out: the name is recorded for ever.")
            )
        return name

    def shared_with(self) -> Role | None:
        """Return the role that was chosen."""
        return self.roles.get(self.cleaned_data.get("role") or 0)


def above(request: HttpRequest, form: EventFilterForm) -> Views:
    """Return the views that stand above the table, and the watermark.  One query.

    Args:
        request: Whose views.
        form: What the page shows.
    """
    shown = ""
    if not form.errors and not request.GET.get("around"):
        shown = in_words(of_form(form) | types_as_typed(request.GET))
    starters = [(str(name), in_words(asked), "") for name, asked in STARTERS]
    seen = keeping.seen_by(_person(request).pk)
    saved = [(view.name, view.query, view.role) for view in seen.views]
    links = [
        View(name=name, query=query, role=role, is_current=query == shown)
        for name, query, role in (*starters, *saved)
    ]
    return Views(mark=seen.mark, stored=seen.stored, links=links)


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show one's own views and those shared with one; a superuser sees all shared."""
    person = _person(request)
    found = {each.pk: each for each in keeping.seen_by(person.pk).views}
    if person.is_superuser:
        found |= {each.pk: each for each in keeping.all_shared()}
    return page(
        request,
        "admin/views/views.html",
        title=_("Saved views"),
        rows=[
            (each, each.account == person.pk or person.is_superuser)
            for each in found.values()
        ],
        starters=[(name, in_words(asked)) for name, asked in STARTERS],
        most=keeping.MOST_VIEWS,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: HttpRequest) -> HttpResponse:
    """Ask for a name; posted, keep the filters of the query string under it."""
    events = reverse("admin:events")
    try:
        query = _query(request)
    except AskingError as error:
        messages.error(request, labels.refusal(error))
        return SeeOther(f"{events}?{request.GET.urlencode()}")
    form = ViewForm(request.POST or None, roles=list(_roles(request)))
    if form.is_valid():
        name = form.cleaned_data["name"]
        account = _person(request).pk
        try:
            keeping.save(name, query, account=account, role=form.shared_with())
        except SavedViewError as error:
            form.add_error("name", labels.refusal(error))
        else:
            messages.success(
                request, _("The view “{name}” is saved.").format(name=name)
            )
            return SeeOther(f"{events}?{query}")
    return page(
        request,
        "admin/views/save.html",
        title=_("Save this view"),
        status=REFUSED if form.errors else 200,
        form=form,
        query=query,
    )


@require_POST
def delete(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """Delete a view, and show the others."""
    person = _person(request)
    try:
        name = keeping.delete(
            view_id, account=person.pk, is_superuser=person.is_superuser
        )
    except ViewGoneError as error:
        return not_found(request, labels.refusal(error))
    except ViewNotYoursError as error:
        return page(
            request,
            "admin/not_found.html",
            title=_("Not yours"),
            status=FORBIDDEN,
            message=labels.refusal(error),
        )
    messages.success(request, _("The view “{name}” is deleted.").format(name=name))
    return SeeOther(reverse("admin:views"))


def _query(request: HttpRequest) -> str:
    """Return the filters as the log may keep them.

    Raises:
        AskingError: There are none, one is not understood, or one names what the log
            does not know: it may be a person.
    """
    asked = request.GET.copy()
    for name in NOT_KEPT:
        asked.pop(name, None)
    told = of_events(EventFilterForm, asked, sees_all=sight.of(request).sees_all)
    if not any(told.values()):
        raise AskingError(_("Filter the events first: a view keeps their filters."))
    for field, words in UNKNOWN.items():
        for value in told[field]:
            is_ours = field == "source" and value in sentences.SOURCES
            if not is_ours and not browser.is_known(field, value):
                raise AskingError(str(words).format(value=value))
    return in_words(told | types_as_typed(asked))


def _roles(request: HttpRequest) -> Iterator[Role]:
    for pk, name in _person(request).groups.order_by("name").values_list("pk", "name"):
        yield Role(pk=pk, name=name)


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)
