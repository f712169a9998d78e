"""Commands from staff: a form posts one, and one of four answers comes back.

No page here writes a row: ``services.execute`` is the only writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from eventstore import labels
from eventstore.admin import approvals, sight
from eventstore.admin.pages import SeeOther, page
from eventstore.approvals.events import ERASURE
from eventstore.errors import ConcurrencyError, UnreadableEventError, UnsealedError
from projections import queries
from projections.admin import masks
from projections.admin.forms import CommandForm, CreateUserForm
from projections.admin.user import unknown
from projections.queries import Chapter
from users import services
from users.aggregate import USER, User
from users.commands import UserCommand
from users.errors import (
    EmailTakenError,
    InvalidValueError,
    OwnedElsewhereError,
    SecondPersonError,
    StatusTransitionError,
    UserError,
    UserExistsError,
)
from users.services import Outcome
from users.values import Status

OVERRIDE_OWNER = "users.override_owner"
CONFLICT = 409
REFUSED = 422


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make a person known; sent twice, the form makes one user."""
    form = CreateUserForm(request.POST or None)
    if form.is_valid():
        command = form.to_command()
        try:
            outcome = services.execute(command)
        except (UserExistsError, ConcurrencyError):
            text = _("This user was created already; nothing was recorded twice.")
            messages.info(request, text)
            return _user_page(command.user_id)
        except UserError as error:
            explain(form, error)
        else:
            _say(request, outcome)
            return _user_page(command.user_id, outcome)
    return page(
        request,
        "admin/users/create.html",
        title=_("Create user"),
        status=REFUSED if form.errors else 200,
        form=form,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def change(  # noqa: PLR0911 - one a way it may end
    request: HttpRequest, user_id: UUID, *, form_class: type[CommandForm]
) -> HttpResponse:
    """Change one user, unless somebody else did meanwhile: then say what, and ask."""
    loaded = queries.user(user_id)
    state = loaded.state
    if state is None or state.status is Status.ERASED:
        return _unchangeable(request, user_id, state)
    if request.method != "POST":
        is_shown = sight.of(request).sees(USER.stream(user_id))
        seen = {
            name: getattr(state, name)
            for name in queries.FIELDS
            if is_shown or name not in masks.PERSONAL
        }
        initial = {**seen, "expected_version": loaded.version}
        return _form_page(request, user_id, form_class(initial=initial, state=state))
    form = form_class(request.POST, state=state)
    if not form.is_valid() or form.asks_again():
        status = REFUSED if form.errors else 200
        return _form_page(request, user_id, form, status=status)
    command = form.to_command(user_id)
    expected: int = form.cleaned_data["expected_version"]
    try:
        outcome = services.execute(
            command,
            expected_version=expected,
            overrides=request.user.has_perm(OVERRIDE_OWNER),
        )
    except SecondPersonError:
        return _ask(request, user_id, form)
    except ConcurrencyError as error:
        return _conflict(request, user_id, form, command, error)
    except (UserError, UnreadableEventError, UnsealedError) as error:
        explain(form, error)
        return _form_page(request, user_id, form, status=REFUSED)
    _say(request, outcome)
    return _user_page(user_id, outcome)


def _ask(request: HttpRequest, user_id: UUID, form: CommandForm) -> HttpResponse:
    """Ask a second person for the erasure that *form* would be."""
    asked = form.cleaned_data
    return approvals.ask(
        request,
        ERASURE,
        USER.stream(user_id),
        values={
            "ground": asked["ground"].value,
            "version": str(asked["expected_version"]),
        },
        reason=asked["reason"],
    )


def _unchangeable(
    request: HttpRequest, user_id: UUID, state: User | None
) -> HttpResponse:
    if state is None:
        return unknown(request, user_id)
    messages.info(request, _("This person was erased; nothing changes any more."))
    return _user_page(user_id)


def explain(form: forms.Form, error: Exception) -> None:
    """Put a refusal beside the field it is about."""
    match error:
        case InvalidValueError():
            form.add_error(error.field, labels.refusal(error))
        case EmailTakenError():
            form.add_error("email", labels.refusal(error))
        case StatusTransitionError():
            form.add_error("status", labels.refusal(error))
        case OwnedElsewhereError():
            form.add_error(error.attribute, labels.refusal(error))
        case _:
            form.add_error(None, labels.refusal(error))


def _conflict(
    request: HttpRequest,
    user_id: UUID,
    form: CommandForm,
    command: UserCommand,
    error: ConcurrencyError,
) -> HttpResponse:
    chapters = queries.history(user_id)
    state = chapters[-1].after
    if _is_fulfilled(state, command):
        messages.info(request, _("Nothing to do: it is so already."))
        return _user_page(user_id)
    # The same form once more, now on top of what the person is about to read.
    form.data = {**request.POST.dict(), "expected_version": str(len(chapters))}
    return _form_page(
        request,
        user_id,
        form,
        status=CONFLICT,
        meanwhile=chapters[error.expected :][::-1],
    )


def _is_fulfilled(state: User | None, command: UserCommand) -> bool:
    try:
        return not USER.decide(state, command)
    except UserError:
        return False


def _form_page(
    request: HttpRequest,
    user_id: UUID,
    form: CommandForm,
    *,
    status: int = 200,
    meanwhile: Sequence[Chapter] | None = None,
) -> HttpResponse:
    is_shown = sight.of(request).sees(USER.stream(user_id))
    return page(
        request,
        "admin/users/command.html",
        title=str(form.title),
        status=status,
        user_id=user_id,
        form=form,
        state=form.state if is_shown else masks.state(form.state),
        meanwhile=meanwhile if is_shown else masks.chapters(meanwhile or ()),
    )


def _say(request: HttpRequest, outcome: Outcome) -> None:
    if outcome.changed:
        text = _("Recorded as #{position}, version {version}.")
        values = {"position": outcome.position, "version": outcome.version}
        messages.success(request, text.format(**values))
    else:
        messages.info(request, _("Nothing to do: it is so already."))


def _user_page(user_id: UUID, outcome: Outcome | None = None) -> HttpResponse:
    """Lead to the user; to the new entry, where there is one."""
    entry = f"#v{outcome.version}" if outcome and outcome.changed else ""
    return SeeOther(reverse("admin:user", args=[user_id]) + entry)
