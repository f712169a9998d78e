"""The back office: Django's admin with our pages before its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path, re_path
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.generic import RedirectView

from config import navigation
from config.login import LoginForm
from eventstore.admin import (
    dashboard,
    intake,
    letters,
    log,
    rebuilds,
    subscriptions,
    webhooks,
)
from eventstore.admin.conversation import conversation
from eventstore.admin.event import event
from eventstore.admin.stream import stream
from projections import drift
from projections import streams as stream_heads
from projections.admin import (
    commands,
    directory,
    reprocess,
    resends,
    runs,
    streams,
)
from projections.admin.forms import (
    ChangeEmailForm,
    ChangeNameForm,
    ChangeStatusForm,
    EraseForm,
)
from projections.admin.goto import SEE_EVENTS, SEE_USERS, go_to
from projections.admin.lookup import stream_of
from projections.admin.user import user
from users.admin import salesforce, tokens

View = Callable[..., HttpResponseBase]

# One permission a page, but Go to, where any will do; a superuser has them all.
ISSUE_COMMANDS = "users.issue_command"
ERASE = "users.erase_user"
REPROCESS = "projections.reprocess"
SEE_TOKENS = "users.view_apitoken"
ISSUE_TOKENS = "users.add_apitoken"
REVOKE_TOKENS = "users.revoke_apitoken"
SEE_WEBHOOKS = "eventstore.view_webhookendpoint"
CHANGE_WEBHOOKS = "eventstore.change_webhookendpoint"
SEE_SUBSCRIPTIONS = "eventstore.view_checkpoint"
PAUSE = "eventstore.change_checkpoint"
CHANGE_REBUILDS = "eventstore.change_rebuild"
SEE_LETTERS = "eventstore.view_deadletter"
CHANGE_LETTERS = "eventstore.change_deadletter"
RESEND = "eventstore.change_effect"
SEE_RECORDS = "eventstore.view_rawrecord"
REVEAL_RECORDS = "eventstore.reveal_rawrecord"
REPROCESS_RECORDS = "eventstore.reprocess_rawrecord"
SEE_RUNS = "users.view_salesforcerun"
START_RUNS = "users.add_salesforcerun"
STEER_RUNS = "users.change_salesforcerun"
APPROVE_RUNS = "users.approve_salesforcerun"
SEE_CONFLICTS = "users.view_salesforceconflict"
SETTLE_CONFLICTS = "users.change_salesforceconflict"

EVENTS = "eventstore/event/"
STREAMS = "eventstore/stream/"
USERS = "users/userview/"
WEBHOOKS = "eventstore/webhook/"
SUBSCRIPTIONS = "eventstore/subscription/"
LETTERS = "eventstore/deadletter/"
RECORDS = "eventstore/rawrecord/"
RECORD = f"{RECORDS}<uuid:record_id>/"
QUARANTINE = "eventstore/quarantine/"
USER = f"{USERS}<uuid:user_id>/"
TOKENS = "users/apitoken/"
RUNS = "projections/reprocess/"
SALESFORCE = "users/salesforcerun/"
CONFLICTS = "users/salesforceconflict/"


class BackOfficeSite(AdminSite):
    """One site for our pages and for those of third-party apps."""

    site_title = site_header = "Annals"
    index_title = gettext_lazy("Dashboard")
    site_url = None
    login_form = LoginForm

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return our pages, then those of Django's admin."""
        return [
            *self._log_pages(),
            *self._subscription_pages(),
            *self._user_pages(),
            *self._run_pages(),
            *self._webhook_pages(),
            *self._intake_pages(),
            *self._token_pages(),
            *self._salesforce_pages(),
            *super().get_urls(),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the frame around every page shows."""
        return {
            **super().each_context(request),
            "environment": settings.ENVIRONMENT_NAME,
            "navigation": list(navigation.groups(request)),
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the dashboard, its numbers to those who may see events."""
        may_see = request.user.has_perm(SEE_EVENTS)
        numbers = {
            "overview": dashboard.overview() if may_see else None,
            "drift": drift.last_check() if may_see else None,
            "recent": stream_heads.recent(timezone.now()) if may_see else None,
        }
        return super().index(request, numbers | (extra_context or {}))

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the log-in form, or let in; 429 where too many log-ins failed."""
        response = super().login(request, extra_context)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if form is not None and form.lock:
            response.status_code = 429
            response.headers["Retry-After"] = str(form.lock.resets_in)
        return response

    def _log_pages(self) -> list[URLPattern]:
        events = self._page(log.events, SEE_EVENTS)
        one, talk, whole = (
            self._page(view, SEE_EVENTS) for view in (event, conversation, stream)
        )
        return [
            path(STREAMS, self._page(streams.listed, SEE_EVENTS), name="streams"),
            path("goto", self.admin_view(go_to), name="goto"),
            path(EVENTS, events, {"find_stream": stream_of}, name="events"),
            path(f"{EVENTS}<int:position>/", one, name="event"),
            path("e/<int:position>", _short_link("admin:event"), name="event_link"),
            path("c/<uuid:correlation_id>", talk, name="conversation"),
            path("s/<path:stream>", whole, name="stream"),
        ]

    def _subscription_pages(self) -> list[URLPattern]:
        see, change = SEE_SUBSCRIPTIONS, PAUSE
        pages: list[tuple[str, View, str, str]] = [
            ("", subscriptions.listed, see, "subscriptions"),
            ("<str:name>/pause/", subscriptions.pause, change, "pause_subscription"),
            ("<str:name>/resume/", subscriptions.resume, change, "resume_subscription"),
            ("<str:name>/rebuild/", rebuilds.rebuild, see, "rebuild_subscription"),
        ]
        see, change = SEE_LETTERS, CHANGE_LETTERS
        group = "group/<str:fingerprint>/"
        of_letters: list[tuple[str, View, str, str]] = [
            ("", letters.listed, see, "dead_letters"),
            ("<int:number>/", letters.letter, see, "dead_letter"),
            ("<int:number>/retry/", letters.retry, change, "retry_letter"),
            ("<int:number>/skip/", letters.skip, change, "skip_letter"),
            (f"{group}canary/", letters.canary, change, "canary_letters"),
            (f"{group}retry/", letters.retry_group, change, "retry_letters"),
        ]
        return [
            re_path(
                rf"^{SUBSCRIPTIONS}(?P<name>[^/]+)/rebuild/"
                rf"(?P<action>{rebuilds.ACTIONS})/$",
                self._page(rebuilds.act, CHANGE_REBUILDS),
                name="change_rebuild",
            ),
            *(
                path(f"{start}{rest}", self._page(view, needed), name=name)
                for start, listed in ((SUBSCRIPTIONS, pages), (LETTERS, of_letters))
                for rest, view, needed, name in listed
            ),
        ]

    def _webhook_pages(self) -> list[URLPattern]:
        see, change = SEE_WEBHOOKS, CHANGE_WEBHOOKS
        one = f"{WEBHOOKS}<str:name>/"
        return [
            path(WEBHOOKS, self._page(webhooks.webhooks, see), name="webhooks"),
            path(
                "eventstore/add-webhook/",
                self._page(webhooks.create, change),
                name="add_webhook",
            ),
            path(one, self._page(webhooks.webhook, see), name="webhook"),
            path(
                f"{one}rotate/",
                self._page(webhooks.rotate, change),
                name="rotate_webhook",
            ),
            re_path(
                rf"^{WEBHOOKS}(?P<name>[^/]+)/(?P<action>{webhooks.ACTIONS})/$",
                self._page(webhooks.change, change),
                name="change_webhook",
            ),
        ]

    def _intake_pages(self) -> list[URLPattern]:
        see, again = SEE_RECORDS, REPROCESS_RECORDS
        group = f"{QUARANTINE}<str:fingerprint>/retry/"
        pages: list[tuple[str, View, str, str]] = [
            (RECORDS, intake.listed, see, "raw_records"),
            (RECORD, intake.record, see, "raw_record"),
            (f"{RECORD}reveal/", intake.reveal, REVEAL_RECORDS, "reveal_raw_record"),
            (f"{RECORD}reprocess/", intake.reprocess, again, "reprocess_raw_record"),
            (f"{RECORD}skip/", intake.skip, again, "skip_raw_record"),
            (QUARANTINE, intake.quarantine, see, "record_quarantine"),
            (group, intake.retry_group, again, "retry_records"),
        ]
        return [
            path(address, self._page(view, needed), name=name)
            for address, view, needed, name in pages
        ]

    def _user_pages(self) -> list[URLPattern]:
        create = self._page(commands.create, ISSUE_COMMANDS)
        again = self._page(reprocess.reprocess_user, REPROCESS)
        return [
            path(USERS, self._page(directory.users, SEE_USERS), name="users"),
            path(f"{USERS}add/", create, name="create_user"),
            path(f"{USER}change/", self._page(user, SEE_USERS), name="user"),
            path(f"{USER}reprocess/", again, name="reprocess_user"),
            path(
                f"{USER}effects/<int:number>/resend/",
                self._page(resends.resend, RESEND),
                name="resend_effect",
            ),
            *self._command_pages(),
            path("u/<uuid:user_id>", _short_link("admin:user"), name="user_link"),
        ]

    def _run_pages(self) -> list[URLPattern]:
        views: dict[str, tuple[View, str]] = {
            "": (runs.listed, "reprocess_runs"),
            "new/": (runs.new, "reprocess"),
            "new/differences.csv": (runs.differences, "reprocess_differences"),
            "<uuid:run_id>/": (runs.run, "reprocess_run"),
        }
        return [
            *(
                path(f"{RUNS}{rest}", self._page(view, REPROCESS), name=name)
                for rest, (view, name) in views.items()
            ),
            re_path(
                rf"^{RUNS}(?P<run_id>[0-9a-f-]{{36}})/(?P<action>{runs.ACTIONS})/$",
                self._page(runs.change, REPROCESS),
                name="change_run",
            ),
        ]

    def _command_pages(self) -> list[URLPattern]:
        change = self._page(commands.change, ISSUE_COMMANDS)
        erase = self._page(commands.change, ERASE)
        forms = {
            "change_name": (ChangeNameForm, change),
            "change_email": (ChangeEmailForm, change),
            "change_status": (ChangeStatusForm, change),
            "erase_user": (EraseForm, erase),
        }
        return [
            path(
                f"{USER}commands/{name.replace('_', '-')}/",
                view,
                {"form_class": form_class},
                name=name,
            )
            for name, (form_class, view) in forms.items()
        ]

    def _token_pages(self) -> list[URLPattern]:
        issue = self._page(tokens.issue, ISSUE_TOKENS)
        revoke = self._page(tokens.revoke, REVOKE_TOKENS)
        return [
            path(TOKENS, self._page(tokens.listed, SEE_TOKENS), name="tokens"),
            path(f"{TOKENS}add/", issue, name="issue_token"),
            path(f"{TOKENS}<uuid:token_id>/revoke/", revoke, name="revoke_token"),
        ]

    def _salesforce_pages(self) -> list[URLPattern]:
        one = f"{SALESFORCE}<uuid:run_id>/"
        pages: list[tuple[str, View, str, str]] = [
            (SALESFORCE, salesforce.listed, SEE_RUNS, "salesforce_runs"),
            (f"{SALESFORCE}add/", salesforce.start, START_RUNS, "start_salesforce_run"),
            (f"{SALESFORCE}reach/", salesforce.reach, START_RUNS, "reach_salesforce"),
            (one, salesforce.run, SEE_RUNS, "salesforce_run"),
            (CONFLICTS, salesforce.disputes, SEE_CONFLICTS, "salesforce_conflicts"),
            (
                f"{CONFLICTS}<int:number>/settle/",
                salesforce.settle,
                SETTLE_CONFLICTS,
                "settle_salesforce_conflict",
            ),
        ]
        return [
            *(
                path(at, self._page(view, may), name=name)
                for at, view, may, name in pages
            ),
            # To approve, and nothing less, is a right of its own.
            *(
                re_path(
                    rf"^{SALESFORCE}(?P<run_id>[0-9a-f-]{{36}})/(?P<action>{action})/$",
                    self._page(salesforce.steer, may),
                    name="steer_salesforce_run",
                )
                for action, may in (
                    ("approve", APPROVE_RUNS),
                    ("pause|resume|cancel", STEER_RUNS),
                )
            ),
        ]

    def _page(self, view: View, permission: str) -> View:
        guarded = permission_required(permission, raise_exception=True)(view)
        return self.admin_view(guarded)


def _short_link(url_name: str) -> View:
    return RedirectView.as_view(pattern_name=url_name, query_string=True)
