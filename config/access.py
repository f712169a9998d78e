"""Who may open which page of the back office: one table, and nothing beside it.

A page that is not in the table stays shut to everybody but superusers (ADR-0038).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

SEE_EVENTS = "eventstore.view_storedevent"
SEE_USERS = "projections.view_directoryentry"
ISSUE_COMMANDS = "users.issue_command"
SEE_LETTERS = "eventstore.view_deadletter"
RETRY = "eventstore.change_deadletter"
SEE_SUBSCRIPTIONS = "eventstore.view_checkpoint"
PAUSE = "eventstore.change_checkpoint"
SEE_WEBHOOKS = "eventstore.view_webhookendpoint"
CHANGE_WEBHOOKS = "eventstore.change_webhookendpoint"
REPROCESS = "projections.reprocess"
REBUILD = "projections.rebuild"
SEE_RECORDS = "eventstore.view_rawrecord"
SEE_RUNS = "users.view_salesforcerun"
START_RUNS = "users.add_salesforcerun"
REPROCESS_RECORDS = "eventstore.reprocess_rawrecord"
EXPORT = "eventstore.export_events"
ERASE = "users.erase_user"


@dataclass(frozen=True, slots=True)
class Need:
    """What a page asks for.

    Attributes:
        see: Any of these permissions opens it; only superusers have none of them.
        act: Any of these lets post to it; the same as *see* when empty.
        is_free: Whether every member of staff may open it.
        is_proved: Whether the password must have been given a moment ago; only to post
            where *act* is given.
    """

    see: tuple[str, ...] = ()
    act: tuple[str, ...] = ()
    is_free: bool = False
    is_proved: bool = False


FREE = Need(is_free=True)
SUPERUSERS = Need()


def _one(permission: str, *, is_proved: bool = False) -> Need:
    return Need((permission,), is_proved=is_proved)


def _model(
    app: str, model: str, *, is_proved: bool = False
) -> Iterator[tuple[str, Need]]:
    """Yield the pages that Django's admin has about one model."""
    add, change, delete, view = (
        f"{app}.{verb}_{model}" for verb in ("add", "change", "delete", "view")
    )
    name = f"{app}_{model}"
    # An action of a list changes what it lists, whatever the library says of it.
    changes = Need((view, change), (change,), is_proved=is_proved)
    yield f"{name}_changelist", changes
    yield f"{name}_change", changes
    yield f"{name}_history", Need((view, change))
    yield f"{name}_add", _one(add, is_proved=is_proved)
    yield f"{name}_delete", _one(delete, is_proved=is_proved)


BEAT = "django_celery_beat"
SCHEDULES = ("clocked", "crontab", "interval", "solar")

# The name of a page's address, and what it needs.
PAGES: Mapping[str, Need] = {
    "index": FREE,
    "login": FREE,
    "logout": FREE,
    "prove": FREE,
    "second": FREE,
    "factors": FREE,
    "zone": FREE,
    "add_app": Need(is_free=True, is_proved=True),
    "add_passkey": Need(is_free=True, is_proved=True),
    "password_change": FREE,
    "password_change_done": FREE,
    "jsi18n": FREE,
    "autocomplete": SUPERUSERS,
    "view_on_site": SUPERUSERS,
    # Django lists what somebody may see of an app; 404 where that is nothing.
    "app_list": Need(("auth.view_user", f"{BEAT}.view_periodictask")),
    "audit": _one("eventstore.view_audit"),
    "goto": Need((SEE_EVENTS, SEE_USERS)),
    "events": _one(SEE_EVENTS),
    "event": _one(SEE_EVENTS),
    "views": _one(SEE_EVENTS),
    "save_view": _one(SEE_EVENTS),
    "delete_view": _one(SEE_EVENTS),
    "event_link": _one(SEE_EVENTS),
    "conversation": _one(SEE_EVENTS),
    "command": _one(SEE_EVENTS),
    "stream": _one(SEE_EVENTS),
    "streams": _one(SEE_EVENTS),
    "subscriptions": _one(SEE_SUBSCRIPTIONS),
    "subscription": _one(SEE_SUBSCRIPTIONS),
    "pause_subscription": _one(PAUSE),
    "resume_subscription": _one(PAUSE),
    "pause_subscriptions": _one(PAUSE),
    "resume_subscriptions": _one(PAUSE),
    "rebuild_subscription": Need((SEE_SUBSCRIPTIONS,), (REBUILD,), is_proved=True),
    "change_rebuild": _one(REBUILD, is_proved=True),
    "dead_letters": _one(SEE_LETTERS),
    "dead_letter": _one(SEE_LETTERS),
    "retry_letter": _one(RETRY),
    "skip_letter": _one("eventstore.skip_deadletter"),
    "canary_letters": _one(RETRY),
    "retry_letters": _one(RETRY),
    "users": _one(SEE_USERS),
    "user": _one(SEE_USERS),
    "user_link": _one(SEE_USERS),
    "create_user": _one(ISSUE_COMMANDS),
    "change_name": _one(ISSUE_COMMANDS),
    "change_email": _one(ISSUE_COMMANDS),
    "change_status": _one(ISSUE_COMMANDS),
    "erase_user": _one(ERASE, is_proved=True),
    # Of each act only whoever may do it: the pages ask for its own permission.
    "approvals": Need((ERASE, REBUILD)),
    "approval": Need((ERASE, REBUILD)),
    "decide_approval": Need((ERASE, REBUILD), is_proved=True),
    "reveal_user": _one("eventstore.reveal_personal_data"),
    "reprocess_user": _one(REPROCESS),
    "reprocess_runs": _one(REPROCESS),
    "reprocess": _one(REPROCESS),
    "reprocess_differences": _one(REPROCESS),
    "reprocess_run": _one(REPROCESS),
    "change_run": _one(REPROCESS),
    "resend_effect": _one("eventstore.change_effect"),
    "raw_records": _one(SEE_RECORDS),
    "raw_record": _one(SEE_RECORDS),
    "reveal_raw_record": _one("eventstore.reveal_rawrecord"),
    "reprocess_raw_record": _one(REPROCESS_RECORDS),
    "skip_raw_record": _one("eventstore.skip_rawrecord"),
    "record_quarantine": _one(SEE_RECORDS),
    "retry_records": _one(REPROCESS_RECORDS),
    "salesforce_runs": _one(SEE_RUNS),
    "salesforce_run": _one(SEE_RUNS),
    "start_salesforce_run": _one(START_RUNS),
    "fetch_salesforce_record": _one(START_RUNS),
    "reach_salesforce": _one(START_RUNS),
    "steer_salesforce_run": _one("users.change_salesforcerun"),
    "approve_salesforce_run": _one("users.approve_salesforcerun"),
    "salesforce_conflicts": _one("users.view_salesforceconflict"),
    "settle_salesforce_conflict": _one("users.change_salesforceconflict"),
    "webhooks": _one(SEE_WEBHOOKS),
    "webhook": _one(SEE_WEBHOOKS),
    "add_webhook": _one(CHANGE_WEBHOOKS),
    "rotate_webhook": _one(CHANGE_WEBHOOKS),
    "change_webhook": _one(CHANGE_WEBHOOKS),
    "exports": _one(EXPORT),
    "new_export": Need((EXPORT,), (EXPORT,), is_proved=True),
    "export": _one(EXPORT),
    "export_file": _one(EXPORT),
    "cancel_export": _one(EXPORT),
    "tokens": _one("users.view_apitoken"),
    "issue_token": _one("users.add_apitoken", is_proved=True),
    "token_issued": _one("users.add_apitoken"),
    "revoke_token": _one("users.revoke_apitoken"),
    # Who may change accounts and roles could hand themselves everything else.
    **dict(_model("auth", "user", is_proved=True)),
    **dict(_model("auth", "group", is_proved=True)),
    "auth_user_password_change": _one("auth.change_user", is_proved=True),
    **dict(_model(BEAT, "periodictask")),
    **dict(page for kind in SCHEDULES for page in _model(BEAT, f"{kind}schedule")),
}


def may_open(person: Any, name: str, *, acts: bool = False) -> bool:
    """Return whether *person* may open the page called *name*, or post to it.

    Args:
        person: A Django account or nobody.
        name: Of the page's address, in the admin's namespace.
        acts: Whether they mean to post.
    """
    need = PAGES.get(name, SUPERUSERS)
    if need.is_free or (person.is_active and person.is_superuser):
        return True
    wanted = (need.act or need.see) if acts else need.see
    return any(person.has_perm(each) for each in wanted)


def asks_for_proof(request: HttpRequest) -> bool:
    """Return whether what *request* asks is only for those who proved who they are."""
    found = request.resolver_match
    name = found.url_name if found else None
    need = PAGES.get(name or "", SUPERUSERS)
    return need.is_proved and (_acts(request) or not need.act)


def refuse_others(request: HttpRequest) -> None:
    """Refuse whoever may not do what *request* asks.

    An address without a name leads nowhere, or to one that has one.

    Raises:
        PermissionDenied: The table does not let them.
    """
    found = request.resolver_match
    if found is None or found.url_name is None:
        return
    if not may_open(request.user, found.url_name, acts=_acts(request)):
        raise PermissionDenied


def _acts(request: HttpRequest) -> bool:
    return request.method not in {"GET", "HEAD", "OPTIONS"}
