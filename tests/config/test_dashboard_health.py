"""The dashboard says whether all is well, what to do if not, and what happened last."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from eventstore import heartbeats, integrity, newest, store
from eventstore.circumstances import acting
from eventstore.codec import operators_types
from eventstore.models import Heartbeat, StoredEvent
from eventstore.operator_events import StaffLoggedIn
from eventstore.tasks import sweep
from tests.backoffice import attribute, catch_up, regions, staff, superuser, text
from tests.factories import ADA, appended, held_run, known_user, renamed, user_created
from users.models import SalesforceRun

INDEX = "/admin/"
SEE_EVENTS = "eventstore.view_storedevent"


def condition(key: str, page: Any = None) -> str:
    said = text(page or superuser().get(INDEX), f"condition-{key}") or ""
    return re.sub(r"\d+ minutes? ago|just now", "AGO", said)


def logged_in(count: int) -> None:
    for number in range(count):
        with acting(actor="staff:eve", source="admin", correlation_id=uuid4()):
            facts = [StaffLoggedIn(account="eve")]
            store.append(f"staff-{number}", facts, expected_version=0)


def test_the_log_is_verified_up_to_where_and_when(committed_db: str) -> None:
    del committed_db
    said = "Run “manage.py verify_log”, best every night."
    assert condition("log") == f"Log Never verified {said}"
    appended(f"user-{ADA}", user_created(), renamed())
    call_command("verify_log", actor="operator:eve")
    assert condition("log") == "Log Verified to #2 From #1, AGO. Look"
    call_command("verify_log", first=2, last=2)
    page = superuser().get(INDEX)
    assert condition("log", page) == "Log Verified to #2 From #2, AGO. Look"
    acts = text(page, "latest-acts") or ""
    assert "#3 operator:eve verified the log from #1 to #2 via system" in acts


def test_a_log_that_differs_says_where_and_what_to_do(committed_db: str) -> None:
    del committed_db
    known_user(ADA)
    found = integrity.Difference(
        position=1, stream="user-1", version=1, event_id=uuid4(), what="actor"
    )
    verdict = integrity.Verdict(events=1, first=1, last=1, difference=found)
    with acting(actor="operator:eve", source="system", correlation_id=uuid4()):
        integrity.record(verdict)
    assert condition("log") == (
        "Log Differs at #1 Found AGO. Find out who can write to the database, and"
        " compare the event with a backup. Look"
    )


@pytest.mark.django_db
def test_a_verdict_is_told_also_where_it_cannot_be_recorded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(store, "append", refuse)
    call_command("verify_log")
    told = capsys.readouterr()
    assert told.out.endswith(": fine\n")
    assert told.err.endswith("not recorded: DatabaseError\n")


def test_workers_and_schedule_are_alive_silent_or_not_to_be_told(
    committed_db: str,
) -> None:
    del committed_db
    start = "Start one; look whether broker and database answer it."
    unknown = "Workers note its ticks: look after them first."
    assert condition("workers") == f"Workers Silent None has ever looked. {start}"
    assert condition("schedule") == f"Schedule Unknown {unknown}"
    catch_up()
    page = superuser().get(INDEX)
    assert condition("workers", page) == "Workers Alive One looked AGO."
    assert condition("schedule", page) == (
        "Schedule Silent It never ticked. Start one process of beat: retries and what"
        " is scheduled wait."
    )
    sweep()
    assert condition("schedule") == "Schedule Ticks Last tick AGO."
    long_ago = timezone.now() - timedelta(minutes=3)
    Heartbeat.objects.exclude(subscription=heartbeats.SCHEDULE).update(
        beaten_at=long_ago
    )
    assert condition("workers") == f"Workers Silent None has looked since AGO. {start}"
    catch_up()
    Heartbeat.objects.filter(subscription=heartbeats.SCHEDULE).update(
        beaten_at=long_ago
    )
    said = condition("schedule")
    assert said.startswith("Schedule Silent Last tick AGO. Start one process of beat")


@pytest.mark.django_db
def test_salesforce_tells_of_its_newest_run_to_those_who_may_see_runs() -> None:
    said = "Salesforce No run Nothing was ever read from there. Look"
    assert condition("salesforce") == said
    held_run(uuid4(), known_user(ADA))
    assert " Since " in condition("salesforce")
    expected = {
        "awaiting_approval": "Awaiting approval Since AGO. Look at what it would",
        "paused_limit": "Paused: API limit Since AGO. It goes on by itself",
        "paused_user": "Paused Since AGO. Somebody paused it",
        "failed": "Failed Since AGO. Read its error",
        "succeeded_degraded": "Succeeded, fields hidden Since AGO. Let our user",
        "running": "Running Since AGO. Look",
    }
    for state, says in expected.items():
        SalesforceRun.objects.update(state=state, changed_at=timezone.now())
        assert condition("salesforce").startswith(f"Salesforce {says}")
    page = staff(SEE_EVENTS).get(INDEX)
    assert regions(page, "condition-salesforce") == []
    assert len(regions(page, "condition-workers")) == 1


def test_what_operators_did_is_told_apart_however_much_it_is(
    committed_db: str,
) -> None:
    del committed_db
    for name in ("Ada", "Bob"):
        appended(f"user-{uuid4()}", user_created(name=name))
    logged_in(12)
    page = superuser().get(INDEX)
    events, acts = text(page, "latest-events") or "", text(page, "latest-acts") or ""
    assert re.findall(r"#(\d+)", events) == ["2", "1"]
    assert re.findall(r"#(\d+)", acts) == [str(n) for n in range(14, 4, -1)]
    assert "eve logged in to the back office" in acts
    page = staff(SEE_EVENTS).get(INDEX)
    assert regions(page, "latest-acts") == []
    assert "Ada" not in (text(page, "latest-events") or "")  # masked


@pytest.mark.django_db
def test_the_newest_keep_to_the_mark_and_to_what_is_asked() -> None:
    assert newest.newest(0, size=3, alone="LogVerified") == newest.Newest(
        events=[], acts=[], alone=None
    )
    assert "StaffLoggedIn" in operators_types()
    appended(f"user-{ADA}", user_created(), renamed(), renamed("c", "d"))
    logged_in(3)
    first = StoredEvent.objects.earliest("position").position
    found = newest.newest(first + 4, size=2, alone="UserCreated")
    assert [event.position - first for event in found.events] == [2, 1]
    assert [event.position - first for event in found.acts] == [4, 3]
    assert found.alone is not None
    assert found.alone.position == first  # though two others of no operator are newer


@pytest.mark.django_db
def test_without_scripts_there_is_a_link_to_load_the_page_again() -> None:
    client = superuser()
    page = client.get(f"{INDEX}?span=48h")
    assert attribute(page, "refresh", "href") == ""  # the address as it is
    assert attribute(page, "live", "hidden") == "None"
    assert attribute(page, "live", "aria-pressed") == "false"
    page = client.get(f"{INDEX}?live=off")
    assert attribute(page, "live", "aria-pressed") == "true"
    assert attribute(page, "span-1h", "href") == "?live=off&span=1h"
    assert regions(staff().get(INDEX), "live") == []
