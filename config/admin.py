"""The back office: Django's admin with our pages before its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, cast

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path, re_path
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.views.generic import RedirectView

from config import (
    access,
    audit,
    dashboard,
    navigation,
    second_factor,
    sessions,
    unsent,
    zone,
)
from config.login import LoginForm, change_password
from eventstore import zones
from eventstore.admin import (
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
from projections import streams as stream_heads
from projections.admin import (
    approvals,
    commands,
    directory,
    exports,
    reprocess,
    resends,
    reveal,
    runs,
    saved_views,
    streams,
)
from projections.admin.forms import (
    ChangeEmailForm,
    ChangeNameForm,
    ChangeStatusForm,
    EraseForm,
)
from projections.admin.goto import go_to
from projections.admin.lookup import stream_ever
from projections.admin.user import user
from users.admin import salesforce, tokens
from users.admin.fate import command

View = Callable[..., HttpResponseBase]
FOUND = 302

EVENTS = "eventstore/event/"
VIEWS = "eventstore/savedview/"
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
EXPORTS = "exports/"
APPROVALS = "approvals/"


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
            *self._export_pages(),
            *self._approval_pages(),
            *self._salesforce_pages(),
            *super().get_urls(),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the frame around every page shows."""
        return {
            **super().each_context(request),
            "environment": settings.ENVIRONMENT_NAME,
            "zone": timezone.get_current_timezone_name(),
            "asks_zone": zones.COOKIE not in request.COOKIES,
            "language": str(get_language()).upper(),
            "asks_for_second_factor": settings.STAFF_SECOND_FACTOR,
            "navigation": list(navigation.groups(request)),
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the dashboard, its numbers to those who may see events."""
        numbers = dashboard.numbers(request) | (extra_context or {})
        return super().index(request, numbers)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Change one's own password, with as many wrong guesses as for a log-in."""
        change = partial(super().password_change, request, extra_context)
        return change_password(request, change)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the log-in form, or let in; 429 where too many log-ins failed."""
        response = super().login(request, extra_context)
        if response.status_code == FOUND and request.method == "POST":
            sessions.begin(request)
            audit.log_in(request.user.get_username(), cast("int", request.user.pk))
        form = (getattr(response, "context_data", None) or {}).get("form")
        if form is not None and form.lock:
            response.status_code = 429
            response.headers["Retry-After"] = str(form.lock.resets_in)
        return response

    def logout(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """End the session."""
        if request.method == "POST" and request.user.is_authenticated:
            audit.log_out(request.user.get_username(), request.user.pk)
        return super().logout(request, extra_context)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's
        """Return *view* for staff whom the table of rights lets in; 403 to others."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            way = second_factor.stands_in_the_way(request)
            if way is not None:
                return way
            access.refuse_others(request)
            if access.asks_for_proof(request) and not sessions.is_proved(request):
                return sessions.ask(request)
            response = audit.recording(request, lambda: view(request, *args, **kwargs))
            return unsent.refilled(request, response)

        return super().admin_view(guarded, cacheable)

    def _log_pages(self) -> list[URLPattern]:
        found = {"find_stream": stream_ever, "count_hours": stream_heads.by_hour}
        return [
            path(STREAMS, self.admin_view(streams.listed), name="streams"),
            *self._paths(
                [
                    ("second/", second_factor.second, "second"),
                    ("factors/", second_factor.listed, "factors"),
                    ("zone/", zone.choose, "zone"),
                    ("factors/app/", second_factor.add_app, "add_app"),
                    ("factors/passkey/", second_factor.add_passkey, "add_passkey"),
                ]
            ),
            path("prove/", self.admin_view(sessions.prove), name="prove"),
            path("audit/", self.admin_view(log.audit), found, name="audit"),
            path("goto", self.admin_view(go_to), name="goto"),
            path(
                EVENTS,
                self.admin_view(log.events),
                {**found, "find_views": saved_views.above},
                name="events",
            ),
            *self._paths(
                [
                    (VIEWS, saved_views.listed, "views"),
                    (f"{VIEWS}add/", saved_views.save, "save_view"),
                    (
                        f"{VIEWS}<uuid:view_id>/delete/",
                        saved_views.delete,
                        "delete_view",
                    ),
                ]
            ),
            path(f"{EVENTS}<int:position>/", self.admin_view(event), name="event"),
            path(
                "e/<int:position>", self._short_link("admin:event"), name="event_link"
            ),
            path(
                "c/<uuid:correlation_id>",
                self.admin_view(conversation),
                name="conversation",
            ),
            path("cmd/<uuid:command_id>", self.admin_view(command), name="command"),
            path("s/<path:stream>", self.admin_view(stream), name="stream"),
        ]

    def _subscription_pages(self) -> list[URLPattern]:
        name = f"{SUBSCRIPTIONS}<str:name>/"
        group = f"{LETTERS}group/<str:fingerprint>/"
        one = f"{LETTERS}<int:number>/"
        pages: list[tuple[str, View, str]] = [
            (SUBSCRIPTIONS, subscriptions.listed, "subscriptions"),
            (
                f"{SUBSCRIPTIONS}pause-all/",
                subscriptions.pause_all,
                "pause_subscriptions",
            ),
            (
                f"{SUBSCRIPTIONS}resume-all/",
                subscriptions.resume_all,
                "resume_subscriptions",
            ),
            (name, subscriptions.subscription, "subscription"),
            (f"{name}pause/", subscriptions.pause, "pause_subscription"),
            (f"{name}resume/", subscriptions.resume, "resume_subscription"),
            (f"{name}rebuild/", rebuilds.rebuild, "rebuild_subscription"),
            (LETTERS, letters.listed, "dead_letters"),
            (one, letters.letter, "dead_letter"),
            (f"{one}retry/", letters.retry, "retry_letter"),
            (f"{one}skip/", letters.skip, "skip_letter"),
            (f"{group}canary/", letters.canary, "canary_letters"),
            (f"{group}retry/", letters.retry_group, "retry_letters"),
        ]
        return [
            *self._paths(pages),
            re_path(
                rf"^{SUBSCRIPTIONS}(?P<name>[^/]+)/rebuild/"
                rf"(?P<action>{rebuilds.ACTIONS})/$",
                self.admin_view(rebuilds.act),
                name="change_rebuild",
            ),
        ]

    def _webhook_pages(self) -> list[URLPattern]:
        one = f"{WEBHOOKS}<str:name>/"
        pages: list[tuple[str, View, str]] = [
            (WEBHOOKS, webhooks.webhooks, "webhooks"),
            ("eventstore/add-webhook/", webhooks.create, "add_webhook"),
            (one, webhooks.webhook, "webhook"),
            (f"{one}rotate/", webhooks.rotate, "rotate_webhook"),
        ]
        return [
            *self._paths(pages),
            re_path(
                rf"^{WEBHOOKS}(?P<name>[^/]+)/(?P<action>{webhooks.ACTIONS})/$",
                self.admin_view(webhooks.change),
                name="change_webhook",
            ),
        ]

    def _intake_pages(self) -> list[URLPattern]:
        group = f"{QUARANTINE}<str:fingerprint>/retry/"
        pages: list[tuple[str, View, str]] = [
            (RECORDS, intake.listed, "raw_records"),
            (RECORD, intake.record, "raw_record"),
            (f"{RECORD}reveal/", intake.reveal, "reveal_raw_record"),
            (f"{RECORD}reprocess/", intake.reprocess, "reprocess_raw_record"),
            (f"{RECORD}skip/", intake.skip, "skip_raw_record"),
            (QUARANTINE, intake.quarantine, "record_quarantine"),
            (group, intake.retry_group, "retry_records"),
        ]
        return self._paths(pages)

    def _user_pages(self) -> list[URLPattern]:
        pages: list[tuple[str, View, str]] = [
            (USERS, directory.users, "users"),
            (f"{USERS}add/", commands.create, "create_user"),
            (f"{USER}change/", user, "user"),
            (f"{USER}reveal/", reveal.reveal, "reveal_user"),
            (f"{USER}reprocess/", reprocess.reprocess_user, "reprocess_user"),
            (f"{USER}effects/<int:number>/resend/", resends.resend, "resend_effect"),
        ]
        return [
            *self._paths(pages),
            *self._command_pages(),
            path("u/<uuid:user_id>", self._short_link("admin:user"), name="user_link"),
        ]

    def _run_pages(self) -> list[URLPattern]:
        pages: list[tuple[str, View, str]] = [
            (RUNS, runs.listed, "reprocess_runs"),
            (f"{RUNS}new/", runs.new, "reprocess"),
            (f"{RUNS}new/differences.csv", runs.differences, "reprocess_differences"),
            (f"{RUNS}<uuid:run_id>/", runs.run, "reprocess_run"),
        ]
        return [
            *self._paths(pages),
            re_path(
                rf"^{RUNS}(?P<run_id>{runs.RUN_ID})/(?P<action>{runs.ACTIONS})/$",
                self.admin_view(runs.change),
                name="change_run",
            ),
        ]

    def _command_pages(self) -> list[URLPattern]:
        change = self.admin_view(commands.change)
        forms = {
            "change_name": ChangeNameForm,
            "change_email": ChangeEmailForm,
            "change_status": ChangeStatusForm,
            "erase_user": EraseForm,
        }
        return [
            path(
                f"{USER}commands/{name.replace('_', '-')}/",
                change,
                {"form_class": form_class},
                name=name,
            )
            for name, form_class in forms.items()
        ]

    def _token_pages(self) -> list[URLPattern]:
        pages: list[tuple[str, View, str]] = [
            (TOKENS, tokens.listed, "tokens"),
            (f"{TOKENS}add/", tokens.issue, "issue_token"),
            (f"{TOKENS}<uuid:token_id>/issued/", tokens.issued, "token_issued"),
            (f"{TOKENS}<uuid:token_id>/revoke/", tokens.revoke, "revoke_token"),
        ]
        return self._paths(pages)

    def _export_pages(self) -> list[URLPattern]:
        one = f"{EXPORTS}<uuid:export_id>/"
        pages: list[tuple[str, View, str]] = [
            (EXPORTS, exports.listed, "exports"),
            (f"{EXPORTS}new/", exports.new, "new_export"),
            (one, exports.export, "export"),
            (f"{one}file", exports.file, "export_file"),
            (f"{one}cancel/", exports.cancel, "cancel_export"),
        ]
        return self._paths(pages)

    def _approval_pages(self) -> list[URLPattern]:
        one = f"{APPROVALS}<uuid:approval_id>/"
        pages: list[tuple[str, View, str]] = [
            (APPROVALS, approvals.listed, "approvals"),
            (one, approvals.approval, "approval"),
            (f"{one}<str:action>/", approvals.decide, "decide_approval"),
        ]
        return self._paths(pages)

    def _paths(self, pages: Iterable[tuple[str, View, str]]) -> list[URLPattern]:
        return [
            path(route, self.admin_view(view), name=name) for route, view, name in pages
        ]

    def _salesforce_pages(self) -> list[URLPattern]:
        one = f"{SALESFORCE}<uuid:run_id>/"
        pages: list[tuple[str, View, str]] = [
            (SALESFORCE, salesforce.listed, "salesforce_runs"),
            (f"{SALESFORCE}add/", salesforce.start, "start_salesforce_run"),
            (f"{USER}salesforce/", salesforce.fetch, "fetch_salesforce_record"),
            (f"{SALESFORCE}reach/", salesforce.reach, "reach_salesforce"),
            (one, salesforce.run, "salesforce_run"),
            (f"{one}approve/", salesforce.approve, "approve_salesforce_run"),
            (CONFLICTS, salesforce.disputes, "salesforce_conflicts"),
            (
                f"{CONFLICTS}<int:number>/settle/",
                salesforce.settle,
                "settle_salesforce_conflict",
            ),
        ]
        return [
            *self._paths(pages),
            re_path(
                rf"^{SALESFORCE}(?P<run_id>{runs.RUN_ID})/"
                r"(?P<action>pause|resume|cancel)/$",
                self.admin_view(salesforce.steer),
                name="steer_salesforce_run",
            ),
        ]

    def _short_link(self, url_name: str) -> Any:
        link = RedirectView.as_view(pattern_name=url_name, query_string=True)
        return self.admin_view(link)
