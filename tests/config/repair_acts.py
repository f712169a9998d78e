"""What an operator can do to read models and raw records, and what tells of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client, override_settings
from django.urls import reverse

from eventstore.intake import inbox
from eventstore.models import ProjectionCode
from projections import scopes
from projections.tasks import check_drift
from tests.backoffice import hidden, superuser
from tests.factories import ADA
from tests.intake import receive, work
from tests.rebuilds import done
from tests.repairs import break_row, started

Act = Callable[[Client], Any]
WHY = "ticket OPS-412"
ODD = {"id": "1", "name": "Grace", "email": "grace@example.com", "status": "odd"}


def post(page: str, /, *arguments: object, **form: object) -> Act:
    return lambda client: client.post(
        reverse(f"admin:{page}", args=arguments), {"why": WHY, **form}
    )


def begin_run(client: Client) -> Any:
    break_row(ADA)
    url = f"{reverse('admin:reprocess')}?user={ADA}"
    token = hidden(client.get(url), "token")
    return client.post(url, {"token": token, "reason": WHY})


def repair_drift(client: Client) -> Any:
    break_row(ADA)
    check_drift()
    url = f"{reverse('admin:reprocess')}?scope=drifted"
    token = hidden(client.get(url), "token")
    return client.post(url, {"token": token, "reason": WHY})


def of_run(*actions: str) -> Act:
    def acted(client: Client) -> Any:
        run = started(scopes.everybody())
        answers = [
            post("change_run", run.run_id, action, reason=WHY)(client)
            for action in actions
        ]
        return answers[-1]

    return acted


def of_record(page: str) -> Act:
    def acted(client: Client) -> Any:
        record_id = receive(ODD)
        work()
        return post(page, record_id, reason=WHY)(client)

    return acted


def retry_records(client: Client) -> Any:
    receive(ODD)
    work()
    (group,) = inbox.groups()
    return post("retry_records", group.fingerprint, reason=WHY)(client)


def rebuild(*actions: str, is_filled: bool = False) -> Act:
    def acted(client: Client) -> Any:
        form = {"reason": WHY, "typed": "directory"}
        answer = post("rebuild_subscription", "directory", **form)(client)
        if is_filled:
            done()
        for action in actions:
            answer = post("change_rebuild", "directory", action, reason=WHY)(client)
        return answer

    return acted


def of_approval(action: str, *, own: bool = False) -> Act:
    """Decide on what somebody else asked for, or oneself."""

    def acted(client: Client) -> Any:
        asker = client if own else superuser("grace")
        with override_settings(FOUR_EYES=True):
            form = {"reason": WHY, "typed": "directory"}
            answer = post("rebuild_subscription", "directory", **form)(asker)
            if action == "ask":
                return answer
            approval_id = answer["Location"].split("/")[-2]
            return post("decide_approval", approval_id, action, reason=WHY)(client)

    return acted


def accept_code(client: Client) -> Any:
    ProjectionCode.objects.filter(subscription="directory").update(digest="yesterday")
    return post("change_rebuild", "directory", "accept", reason=WHY)(client)


# Acts that only another one makes possible; how many those are.
PREPARED = {
    "pause a run": 1,
    "resume a run": 2,
    "cancel a run": 1,
    "pause a rebuild": 1,
    "resume a rebuild": 2,
    "cancel a rebuild": 1,
    "switch to the rebuilt tables": 1,
    "switch back": 2,
    "approve what another asked for": 2,
    "refuse what another asked for": 1,
    "withdraw what one asked for": 1,
}

# What is done, the type of the event, and what the event says of it.
ACTS: dict[str, tuple[Act, str, dict[str, Any]]] = {
    "begin a run": (
        begin_run,
        "ReprocessStarted",
        {"asked": "1 selected user", "reason": WHY},
    ),
    "repair drift": (
        repair_drift,
        "ReprocessStarted",
        {"asked": "users known to differ from the log", "reason": WHY},
    ),
    "pause a run": (of_run("pause"), "ReprocessChanged", {"change": "paused"}),
    "resume a run": (
        of_run("pause", "resume"),
        "ReprocessChanged",
        {"change": "resumed"},
    ),
    "cancel a run": (of_run("cancel"), "ReprocessChanged", {"change": "cancelled"}),
    "look into a record": (
        of_record("reveal_raw_record"),
        "RecordRevealed",
        {"source": "crm"},
    ),
    "reprocess a record": (
        of_record("reprocess_raw_record"),
        "RecordsReprocessed",
        {"source": "crm", "reason": WHY},
    ),
    "retry a group of records": (
        retry_records,
        "RecordsReprocessed",
        {"source": "crm", "reason": WHY},
    ),
    "skip a record": (
        of_record("skip_raw_record"),
        "RecordSkipped",
        {"source": "crm", "reason": WHY},
    ),
    "start a rebuild": (
        rebuild(),
        "SubscriptionChanged",
        {"change": "rebuild started", "reason": WHY},
    ),
    "pause a rebuild": (
        rebuild("pause"),
        "SubscriptionChanged",
        {"change": "rebuild paused", "reason": WHY},
    ),
    "resume a rebuild": (
        rebuild("pause", "resume"),
        "SubscriptionChanged",
        {"change": "rebuild resumed"},
    ),
    "cancel a rebuild": (
        rebuild("cancel"),
        "SubscriptionChanged",
        {"change": "rebuild cancelled", "reason": WHY},
    ),
    "switch to the rebuilt tables": (
        rebuild("switch", is_filled=True),
        "SubscriptionChanged",
        {"change": "switched to the rebuilt tables", "reason": WHY},
    ),
    "switch back": (
        rebuild("switch", "switch-back", is_filled=True),
        "SubscriptionChanged",
        {"change": "switched back", "reason": WHY},
    ),
    "ask a second person": (
        of_approval("ask", own=True),
        "ApprovalAsked",
        {"act": "rebuild", "target": "subscription-directory", "reason": WHY},
    ),
    "approve what another asked for": (
        of_approval("approve"),
        "SubscriptionChanged",
        {"change": "rebuild started", "reason": WHY},
    ),
    "refuse what another asked for": (
        of_approval("refuse"),
        "ApprovalRefused",
        {"act": "rebuild", "target": "subscription-directory", "reason": WHY},
    ),
    "withdraw what one asked for": (
        of_approval("withdraw", own=True),
        "ApprovalWithdrawn",
        {"act": "rebuild", "target": "subscription-directory"},
    ),
    "accept changed code": (
        accept_code,
        "SubscriptionChanged",
        {"change": "changed code accepted", "reason": WHY},
    ),
}
