"""Everything an operator can do in the back office, as a request and as an event."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.subscriptions import SUBSCRIPTIONS
from eventstore.saved_views.models import SavedView
from projections.models import DirectoryEntry
from tests import exports
from tests.backoffice import (
    hidden,
    user_url,
)
from tests.config import repair_acts
from tests.config.repair_acts import WHY, Act, post
from tests.factories import ADA, dead_letter, failed_effect
from tests.salesforce import acts as salesforce
from users.aggregate import USER
from users.models import ApiToken, SecondFactor

AUDIT = "/admin/audit/"
PASSWORD = "a password of the tests"
NEW_PASSWORD = "another one, 8f2c91"
BEAT = "django_celery_beat"
TASK = {
    "name": "nightly",
    "regtask": "",
    "task": "x",
    "args": "[]",
    "kwargs": "{}",
    "headers": "{}",
    "crontab": "101",
}


KNOWN = "users.prune"


def log_in(client: Client) -> Any:
    del client
    form = {"username": "ada", "password": PASSWORD}
    return Client().post("/admin/login/", form)


def be_locked_out(client: Client) -> Any:
    del client
    form = {"username": "ada", "password": "a guess"}
    return [Client().post("/admin/login/", form) for _ in range(9)][-1]


def revoke(client: Client) -> Any:
    token_id = ApiToken.objects.get(name="crm").token_id
    return post("revoke_token", token_id, reason=WHY)(client)


def reprocess(client: Client) -> Any:
    DirectoryEntry.objects.filter(user_id=ADA).update(name="drifted")
    url = user_url(ADA, "reprocess/")
    token = hidden(client.get(url), "token")
    return client.post(url, {"token": token, "reason": WHY})


def letter(act: Act) -> Act:
    def acted(client: Client) -> Any:
        dead_letter(id=1, state="parked")
        return act(client)

    return acted


def paused(act: Act) -> Act:
    def acted(client: Client) -> Any:
        post("pause_subscription", "directory", reason=WHY)(client)
        return act(client)

    return acted


def resend(client: Client) -> Any:
    effect = failed_effect(USER.stream(ADA))
    return post("resend_effect", ADA, effect.pk, reason=WHY)(client)


def password_of_ones_own(client: Client) -> Any:
    client.force_login(User.objects.get(username="ada"))
    form = {"old_password": PASSWORD}
    form |= {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    return client.post("/admin/password_change/", form)


def erase(client: Client) -> Any:
    email = f"{ADA.int}@example.com"
    form = {"ground": "request", "confirmation": email, "expected_version": 1}
    return post("erase_user", ADA, **form)(client)


def make_codes(client: Client) -> Any:
    root = User.objects.get(username="root")
    SecondFactor.objects.create(
        account=root, kind="app", secret=b"", created_at=timezone.now()
    )
    return post("factors", codes="1")(client)


def export(client: Client) -> Any:
    url = f"{reverse('admin:new_export')}?kind=users&status=active&q=Ada"
    form = {"form": "csv", "columns": ["id", "name"], "personal": "on", "reason": WHY}
    return client.post(url, form)


def cancel_export(client: Client) -> Any:
    root = User.objects.get(username="root")
    asked = {"q": "Ada", "status": "active"}
    begun = exports.begun("users", account=root.pk, asked=asked)
    return post("cancel_export", begun.pk)(client)


def save_view(client: Client, **form: Any) -> Any:
    url = f"{reverse('admin:save_view')}?stream={ADA.int}%40example.com&before=9"
    return client.post(url, {"name": "Ada's", **form})


def share_view(client: Client) -> Any:
    User.objects.get(username="root").groups.add(101)
    return save_view(client, role="101")


def delete_view(client: Client) -> Any:
    save_view(client)
    return post("delete_view", SavedView.objects.get().pk)(client)


PASSWORDS = {
    "password1": NEW_PASSWORD,
    "password2": NEW_PASSWORD,
    "usable_password": "true",
}
NEW_TOKEN = {"name": "bi", "scopes": ["users:read"], "reason": WHY}
HOOK = {"name": "crm", "url": "https://1.1.1.1/", "personal": "no"}
CHOSEN = {"_selected_action": ["102"], "action": "disable_tasks"}
OF_USER = {"username": "ada", "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
SURE = {"post": "yes"}
NO_TASKS = {
    "periodictask_set-TOTAL_FORMS": 0,
    "periodictask_set-INITIAL_FORMS": 0,
}

# Acts that only another one makes possible; how many those are.
PREPARED = {
    **repair_acts.PREPARED,
    **salesforce.PREPARED,
    "resume": 1,
    "resume all": 1,
    "pause all": len(SUBSCRIPTIONS) - 1,  # the one that was paused before is left alone
    "delete a view": 1,
}

# What is done, the type of the event, and what the event says of it.
ACTS: dict[str, tuple[Act, str, dict[str, Any]]] = {
    **repair_acts.ACTS,
    **salesforce.ACTS,
    "log in": (log_in, "StaffLoggedIn", {"account": "ada"}),
    "log out": (post("logout"), "StaffLoggedOut", {"account": "root"}),
    "make recovery codes": (
        make_codes,
        "StaffFactorChanged",
        {"account": "root", "factor": "recovery codes"},
    ),
    "be locked out": (be_locked_out, "StaffLockedOut", {"account": "ada"}),
    "export": (
        export,
        "DataExported",
        {
            "what": "users",
            "asked": "q=(masked)&status=active",
            "rows": 1,
            "personal": True,
            "reason": WHY,
        },
    ),
    "cancel an export": (
        cancel_export,
        "ExportCancelled",
        {"what": "users", "asked": "q=(masked)&status=active", "rows": 0},
    ),
    "save a view": (
        save_view,
        "ViewSaved",
        {"name": "Ada's", "query": f"stream={USER.stream(ADA)}"},
    ),
    "share a view": (
        share_view,
        "ViewShared",
        {"name": "Ada's", "role": "Interns", "role_id": 101},
    ),
    "delete a view": (delete_view, "ViewDeleted", {"name": "Ada's"}),
    "issue a token": (post("issue_token", **NEW_TOKEN), "ApiTokenIssued", {}),
    "revoke a token": (revoke, "ApiTokenRevoked", {"name": "crm"}),
    "add a webhook": (post("add_webhook", **HOOK), "WebhookChanged", {}),
    "rotate a secret": (
        post("rotate_webhook", "shop", seen=1),
        "WebhookChanged",
        {"change": "secret rotated"},
    ),
    "pause a webhook": (
        post("change_webhook", "shop", "pause", reason=WHY),
        "WebhookChanged",
        {"change": "paused"},
    ),
    "remove a webhook": (
        post("change_webhook", "shop", "remove"),
        "WebhookChanged",
        {"change": "removed"},
    ),
    "pause": (
        post("pause_subscription", "directory", reason=WHY),
        "SubscriptionChanged",
        {"change": "paused", "reason": WHY},
    ),
    "resume": (
        paused(post("resume_subscription", "directory")),
        "SubscriptionChanged",
        {"change": "resumed"},
    ),
    "pause all": (
        paused(post("pause_subscriptions", reason=f"{WHY}, all")),
        "SubscriptionChanged",
        {"change": "paused", "reason": f"{WHY}, all"},
    ),
    "resume all": (
        paused(post("resume_subscriptions", reason=WHY)),
        "SubscriptionChanged",
        {"change": "resumed", "reason": WHY},
    ),
    "retry a letter": (
        letter(post("retry_letter", 1)),
        "SubscriptionChanged",
        {"change": "retry ordered"},
    ),
    "retry the oldest": (
        letter(post("canary_letters", "0123456789ab")),
        "SubscriptionChanged",
        {"change": "retry ordered"},
    ),
    "retry a group": (
        letter(post("retry_letters", "0123456789ab", reason=WHY)),
        "SubscriptionChanged",
        {"change": "retry ordered"},
    ),
    "skip": (letter(post("skip_letter", 1, reason=WHY)), "EventSkipped", {}),
    "reprocess": (reprocess, "ReadModelReprocessed", {"reason": WHY}),
    "resend an effect": (resend, "EffectResent", {"resend": 1, "reason": WHY}),
    "erase": (erase, "UserErased", {}),
    "add a rhythm": (
        post(f"{BEAT}_intervalschedule_add", every=5, period="days", **NO_TASKS),
        "ScheduleChanged",
        {"change": "added", "new": {"every": "5", "period": "days"}, "reason": WHY},
    ),
    "change a schedule": (
        post(f"{BEAT}_periodictask_change", 101, **TASK),
        "ScheduleChanged",
        {
            "schedule": "nightly",
            "change": "changed",
            "old": {"enabled": "True"},
            "new": {"enabled": "False"},
            "reason": WHY,
        },
    ),
    "switch a schedule off in the list": (
        post(f"{BEAT}_periodictask_changelist", **CHOSEN),
        "ScheduleChanged",
        {"schedule": "known", "old": {"enabled": "True"}},
    ),
    "start a schedule by hand": (
        post(f"{BEAT}_periodictask_changelist", **CHOSEN | {"action": "run_tasks"}),
        "ScheduleChanged",
        {"schedule": "known", "change": "started by hand"},
    ),
    "delete a schedule": (
        post(f"{BEAT}_periodictask_delete", 101, **SURE),
        "ScheduleChanged",
        {"schedule": "nightly", "change": "deleted", "new": {}},
    ),
    "add an account": (
        post("auth_user_add", username="grace", **PASSWORDS),
        "StaffAccountChanged",
        {"account": "grace", "change": "added"},
    ),
    "change an account": (
        post("auth_user_change", 101, is_active="on", is_superuser="on", **OF_USER),
        "StaffAccountChanged",
        {
            "account": "ada",
            "change": "changed",
            "old": {"is_superuser": "False", "is_staff": "True"},
            "new": {"is_superuser": "True", "is_staff": "False"},
            "reason": WHY,
        },
    ),
    "give a role": (
        post(
            "auth_user_change",
            101,
            is_active="on",
            is_staff="on",
            groups=["101"],
            email="ada@example.org",
            **OF_USER,
        ),
        "StaffAccountChanged",
        {
            "old": {"email": "", "groups": ""},
            "new": {"email": "(not kept)", "groups": "Interns"},
        },
    ),
    "set a password": (
        post("auth_user_password_change", 101, **PASSWORDS),
        "StaffAccountChanged",
        {"change": "password changed", "new": {"password": "(not kept)"}},
    ),
    "set one's own password": (
        password_of_ones_own,
        "StaffAccountChanged",
        {"account": "ada", "change": "password changed"},
    ),
    "delete an account": (
        post("auth_user_delete", 101, **SURE),
        "StaffAccountChanged",
        {"account": "ada", "change": "deleted", "new": {}},
    ),
    "add a role": (
        post("auth_group_add", name="Guests"),
        "RoleChanged",
        {"role": "Guests", "change": "added"},
    ),
    "rename a role": (
        post("auth_group_change", 101, name="Trainees"),
        "RoleChanged",
        {"old": {"name": "Interns"}, "new": {"name": "Trainees"}, "reason": WHY},
    ),
    "delete a role": (
        post("auth_group_delete", 101, **SURE),
        "RoleChanged",
        {"role": "Interns", "change": "deleted"},
    ),
}
