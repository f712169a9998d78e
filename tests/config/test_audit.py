"""Everything an operator can do is in the log once, with who and why."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from pytest_django import DjangoAssertNumQueries, Settings

from eventstore import codec, roles, store
from eventstore.circumstances import acting
from eventstore.models import StoredEvent
from eventstore.webhooks import endpoints
from tests.backoffice import (
    catch_up,
    in_role,
    regions,
    staff,
    superuser,
    text,
    user_url,
)
from tests.config.acts import (
    ACTS,
    AUDIT,
    BEAT,
    KNOWN,
    NEW_PASSWORD,
    OF_USER,
    PASSWORD,
    PREPARED,
    SURE,
    TASK,
    log_in,
)
from tests.config.repair_acts import WHY, post
from tests.factories import ADA, api_token, known_user
from tests.intake import crm

__all__ = ["crm"]
pytestmark = pytest.mark.usefixtures("crm")
# What workers do by themselves, and go on doing after somebody began it.
BY_ITSELF = {
    *("DriftEnded", "DriftFound", "ReprocessAdvanced", "ReprocessFinished"),
    *("SalesforceConflictClosed", "SalesforceConflictOpened"),
    *("SalesforcePageRead", "SalesforceRecordLinked"),
    *("SalesforceJobMade", "SalesforceJobDone", "SalesforceJobLost"),
    "SalesforceRunOpened",
}


@pytest.fixture(autouse=True)
def something(committed_db: str) -> None:
    """One of everything that can be acted upon."""
    del committed_db
    User.objects.create_user("ada", password=PASSWORD, is_staff=True, id=101)
    CrontabSchedule.objects.create(id=101)
    PeriodicTask.objects.create(id=101, name="nightly", task="x", crontab_id=101)
    PeriodicTask.objects.create(id=102, name="known", task=KNOWN, crontab_id=101)
    Group.objects.create(id=101, name="Interns")
    api_token("crm")
    known_user(ADA)
    catch_up()
    with acting(actor="staff:ada", source="admin", correlation_id=uuid4()):
        endpoints.add("shop", "https://1.1.1.1/")


def operators_events() -> list[StoredEvent]:
    types = codec.operators_types()
    return list(StoredEvent.objects.filter(type__in=types).order_by("position"))


@pytest.mark.parametrize("name", ACTS)
def test_each_act_is_one_entry_with_who_and_why(name: str) -> None:
    act, event_type, says = ACTS[name]
    client = superuser()
    client.cookies["language"] = "de"  # what is recorded is in English
    before = {event.position for event in operators_events()}
    answer = act(client)
    assert answer.status_code in {200, 302, 303, 429}
    (*earlier, event) = [e for e in operators_events() if e.position not in before]
    assert len(earlier) == PREPARED.get(name, 0)
    assert event.type == event_type
    actor = {"log in": "staff:ada", "set one's own password": "staff:ada"}
    actor |= {"be locked out": "anonymous"}
    assert (event.actor, event.source) == (actor.get(name, "staff:root"), "admin")
    (recorded,) = (
        e for e in store.read_stream(event.stream) if e.position == event.position
    )
    assert {key: recorded.data[key] for key in says} == says
    page = superuser().get(AUDIT)
    first = regions(page, "events-table")[0].split("#")[1]
    assert first.startswith(f"{event.position} ")


def test_a_schedule_is_recorded_in_english_whatever_its_editor_reads() -> None:
    IntervalSchedule.objects.create(id=101, every=7, period="seconds")
    client = superuser()
    client.cookies["language"] = "de"
    changed = TASK | {"crontab": "", "interval": "101"}
    post(f"{BEAT}_periodictask_change", 101, **changed)(client)
    (event,) = store.read_stream("schedule-periodictask-101")
    assert event.data["new"]["interval"] == "every 7 seconds"


def test_every_type_that_is_no_user_s_is_an_operator_s() -> None:
    others = {
        name
        for name in codec.type_names()
        if (known := codec.type_named(name)) and not known.is_operators
    }
    others -= BY_ITSELF
    assert all(name.startswith("User") for name in others)
    assert {event_type for _act, event_type, _says in ACTS.values()} | {
        "PersonalDataViewed",
        "LogVerified",  # by a command only
        "ApprovalGiven",  # before the act that it approves
    } == set(codec.operators_types())


def test_a_reveal_is_in_the_audit_with_its_reason_for_those_who_may_see_people() -> (
    None
):
    person = in_role("Viewer")
    person.post(user_url(ADA, "reveal/"), {"reason": WHY})
    auditor = in_role("Auditor")
    said = text(auditor.get(AUDIT, {"type": "PersonalDataViewed"}), "events-table")
    assert f"had the data of user-{ADA} shown via back office Reason: {WHY}" in (
        said or ""
    )
    blind = staff("eventstore.view_audit")
    masked = text(blind.get(AUDIT, {"type": "PersonalDataViewed"}), "events-table")
    assert "Reason: (masked)" in (masked or "")


def test_the_audit_shows_what_operators_did_and_nothing_else() -> None:
    page = superuser().get(AUDIT)
    assert text(page, "events-table").count("UserCreated") == 0  # type: ignore[union-attr]
    asked = superuser().get(AUDIT, {"type": "UserCreated"})
    assert "UserCreated" not in (text(asked, "events-table") or "")


def test_the_audit_filters_by_person_action_target_and_time() -> None:
    client = superuser()
    post("auth_group_change", 101, name="Trainees")(client)
    log_in(client)
    for query, found in (
        ({"actor": "staff:root"}, "RoleChanged"),
        ({"type": "StaffLoggedIn"}, "StaffLoggedIn"),
        ({"stream": "role-101"}, "RoleChanged"),
        ({"stream": "staff-101", "since": "2026-01-01T00:00:00Z"}, "StaffLoggedIn"),
    ):
        events = client.get(AUDIT, query).context["found"].events
        assert [event.type for event in events] == [found]
    none = client.get(AUDIT, {"until": "2026-01-01T00:00:00Z"})
    assert none.context["found"].events == []


def test_what_was_refused_is_not_recorded() -> None:
    client = superuser()
    before = len(operators_events())
    answers = [
        post("auth_group_change", 101, name="")(client),
        post("auth_user_password_change", 101, password1="a", password2="b")(client),
        post(f"{BEAT}_periodictask_change", 101, **TASK | {"crontab": ""})(client),
        post("auth_group_change", 101, name="x", why="\u202e")(client),
        post(
            f"{BEAT}_periodictask_changelist",
            _selected_action=["101"],
            action="run_tasks",
        )(client),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400, 302]
    assert len(operators_events()) == before
    assert Group.objects.get(id=101).name == "Interns"


def test_what_cannot_be_recorded_is_not_done() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE none")
        cursor.execute(
            "SELECT oid::regprocedure FROM pg_proc WHERE proname ~ '^append_event'"
        )
        for (function,) in cursor.fetchall():
            cursor.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM {roles.APP}")
        cursor.execute("RESET ROLE")
    client = superuser()
    client.raise_request_exception = False
    answer = post("auth_group_change", 101, name="Trainees")(client)
    assert answer.status_code == 500
    assert Group.objects.get(id=101).name == "Interns"


def test_a_lock_is_told_once_and_no_name_that_is_no_account(settings: Settings) -> None:
    settings.LOGIN_FAILURES = 1
    for _ in range(3):
        Client().post("/admin/login/", {"username": "my s3cret!", "password": "x"})
    (event,) = StoredEvent.objects.filter(type="StaffLockedOut")
    assert (event.stream, event.data["account"]) == ("staff-unknown", "")


def test_what_a_role_s_end_takes_from_people_is_told_too() -> None:
    User.objects.get(username="ada").groups.add(101)
    post("auth_group_delete", 101, **SURE)(superuser())
    told = [(e.type, e.data["old"].get("groups")) for e in operators_events()[-2:]]
    assert sorted(told, key=str) == [
        ("RoleChanged", None),
        ("StaffAccountChanged", "Interns"),
    ]


def test_the_audit_needs_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = superuser()
    for _ in range(5):
        log_in(client)
    with django_assert_max_num_queries(8):
        assert client.get(AUDIT).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"is_superuser": ""}, {"is_active": ""}, {"is_staff": ""}]
)
def test_somebody_stays_who_may_give_roles(changes: dict[str, str]) -> None:
    client = superuser()
    root = User.objects.get(username="root")
    all_of_it = {"is_superuser": "on", "is_staff": "on", "is_active": "on"}
    form = {**OF_USER, "username": "root", **all_of_it, **changes}
    kept = {name: value for name, value in form.items() if value}
    before = len(operators_events())
    answer = post("auth_user_change", root.pk, **kept)(client)
    page = client.get(answer["Location"])
    assert "nobody would be left who may give roles" in page.content.decode()
    assert "was changed" not in page.content.decode()
    root.refresh_from_db()
    assert (root.is_superuser, root.is_staff, root.is_active) == (True, True, True)
    assert len(operators_events()) == before
    User.objects.create_superuser("other")
    post("auth_user_change", root.pk, **kept)(client)
    assert [event.type for event in operators_events()[before:]] == [
        "StaffAccountChanged"
    ]


@pytest.mark.parametrize("password", ["1", "12345678901234", "password1234", "ada"])
def test_a_password_that_is_soon_guessed_is_refused(password: str) -> None:
    client = superuser()
    before = User.objects.get(id=101).password
    twice = {"password1": password, "password2": password, "usable_password": "true"}
    page = post("auth_user_password_change", 101, **twice)(client)
    assert page.status_code == 200
    assert User.objects.get(id=101).password == before


@pytest.mark.parametrize(
    ("form", "started"),
    [
        ({"_selected_action": "102", "action": "run_tasks"}, ["known"]),
        (
            {"_selected_action": "102", "action": ["run_tasks", ""], "index": "0"},
            ["known"],
        ),
        ({"_selected_action": "102", "action": ""}, []),
    ],
)
def test_a_task_that_was_sent_by_hand_is_told_and_no_other(
    form: dict[str, Any], started: list[str]
) -> None:
    before = len(operators_events())
    post(f"{BEAT}_periodictask_changelist", **form)(superuser())
    told = [event.data["schedule"] for event in operators_events()[before:]]
    assert told == started


def test_nobody_forges_that_a_task_was_sent() -> None:
    client, before = staff(), len(operators_events())
    sent = {"action": "run_tasks", "_selected_action": "102"}
    for page in ("password_change", f"{BEAT}_periodictask_changelist"):
        post(page, **sent)(client)
    assert len(operators_events()) == before


def test_guessing_one_s_own_password_is_locked_as_a_log_in_is(
    settings: Settings,
) -> None:
    settings.LOGIN_FAILURES = 2
    client, before = staff(), len(operators_events())
    page, wrong = "/admin/password_change/", {"old_password": "x"}
    wrong |= {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    answers = [client.post(page, wrong).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    told = [event.type for event in operators_events()[before:]]
    assert told == ["StaffLockedOut"]
