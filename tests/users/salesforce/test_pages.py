from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.conf import LazySettings

from tests.backoffice import regions, staff, superuser, text, user_url
from tests.factories import metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, run
from users import services
from users.events import UserStatusChanged
from users.models import SalesforceConflict, SalesforceLink, SalesforceRun
from users.sources.salesforce import backfill, conflicts, translate
from users.sources.salesforce.events import SalesforceRunResumed, SalesforceRunStarted
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db
RUNS = "/admin/users/salesforcerun/"
CONFLICTS = "/admin/users/salesforceconflict/"


@pytest.fixture
def held(connected: Salesforce) -> SalesforceRun:
    """Let 60 people vanish, and a run wait for somebody."""
    ids = connected.org.seed(70)
    run()
    for identity in ids[:60]:
        connected.org.purge(identity)
    return run(Mode.RECONCILE)


def test_before_anything_was_read(connected: Salesforce) -> None:
    client = superuser()
    assert text(client.get(RUNS), "empty") == "Salesforce was not read yet. Start a run"
    assert text(client.get(CONFLICTS), "empty") is not None
    assert connected.asked == []


def test_a_run_is_started_watched_and_listed(connected: Salesforce) -> None:
    connected.org.seed(3)
    client = superuser()
    answer = client.post(f"{RUNS}add/", {"mode": "full", "reason": "first load"})
    assert answer.status_code == 303
    page = client.get(answer["Location"])
    assert page["Refresh"] == "3"
    (started,) = log(SalesforceRunStarted)
    assert started.actor == "staff:root"
    finish(SalesforceRun.objects.get())
    page = client.get(answer["Location"])
    assert "Refresh" not in page
    assert text(page, "count-created") == "3"
    (row,) = regions(client.get(RUNS), "run")
    assert "full Succeeded 3 3 0 0 0" in row


def test_a_run_that_cannot_start_says_why(connected: Salesforce) -> None:
    answer = superuser().post(f"{RUNS}add/", {"mode": "incremental"})
    assert answer.status_code == 422
    assert "start a full run first" in str(text(answer, "error-summary"))
    assert connected.asked == []


def test_a_run_reaches_back_to_an_instant_on_the_readers_clock(
    connected: Salesforce,
) -> None:
    connected.org.seed(1)
    client, add = superuser(), f"{RUNS}add/"
    assert "never compared by a reconciliation" in str(text(client.get(add), "before"))
    run(Mode.RECONCILE)
    told = str(text(client.get(add), "before"))
    assert told.startswith("Everything was compared last ")
    assert re.search(r"the org had made \d+ of 100,000 requests that day", told)
    client.cookies["zone"] = "Asia/Tokyo"
    form = {"mode": "incremental", "since": "2026-11-01T09:00:00"}
    assert client.post(add, form).status_code == 303
    assert log(SalesforceRunStarted)[-1].payload.since == datetime(
        2026, 11, 1, tzinfo=UTC
    )
    finish(SalesforceRun.objects.get(is_active=True))
    for odd, words in (
        ({"since": "2999-01-01T00:00:00"}, "up to when Salesforce is known"),
        ({"since": "2026-11-01T09:00:00", "mode": "full"}, "Only an incremental run"),
        ({"since": "soonish"}, "Enter a time such as"),
    ):
        refused = client.post(add, form | odd)
        assert refused.status_code == 422
        assert words in str(text(refused, "error-summary"))


def test_a_page_says_how_far_a_run_is_and_which_records_make_no_sense(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"PAGE_SIZE": 3, "SLICE_SECONDS": 0}
    ids = connected.org.seed(7)
    for identity in ids[:2]:
        connected.org.update(identity, Email="none")
    connected.org.update(ids[3], Status__c="Odd")
    client = superuser()
    one = client.post(f"{RUNS}add/", {"mode": "full"})["Location"]
    started = SalesforceRun.objects.get()
    backfill.work(started.run_id)
    page = client.get(one)
    assert str(text(page, "how-far")).startswith("3 of 7 records read · ")
    assert "s left" in str(text(page, "how-far"))
    assert "of 100,000 requests that day" in str(text(page, "api-share"))
    assert "Refresh" not in client.get(f"{one}?still")
    finish(started)
    page = client.get(one)
    assert str(text(page, "how-far")).startswith("7 of 7 records read · ")
    assert "left" not in str(text(page, "how-far"))
    pages = str(text(page, "page-log"))
    assert pages.count("UTC 3 ") == 2
    assert regions(page, "unusable-kind") == [
        f"bad_email 2 {ids[0]} {ids[1]}",
        f"unknown_status 1 {ids[3]}",
    ]
    assert "state=quarantined&amp;error=bad_email" in page.content.decode()
    link = page.content.decode().split("?source=salesforce&amp;until=")[1].split('"')[0]
    came_in = f"/admin/eventstore/rawrecord/?source=salesforce&until={link}"
    inbox = str(text(client.get(came_in, follow=True), "records-table"))
    assert all(identity in inbox for identity in ids)


def test_a_rehearsal_lists_what_it_would_do(connected: Salesforce) -> None:
    connected.org.seed(2)
    client = superuser()
    form = {"mode": "full", "dry_run": "yes"}
    answer = client.post(f"{RUNS}add/", form)
    finish(SalesforceRun.objects.get())
    told = text(client.get(answer["Location"]), "findings")
    assert told
    assert told.count("created") == 2
    assert ours() == {}


def test_the_connection_is_tested(
    connected: Salesforce, settings: LazySettings
) -> None:
    client = superuser()
    page = client.post(f"{RUNS}reach/", follow=True)
    assert "Reached org 00D000000000001EAA" in page.content.decode()
    settings.SALESFORCE = settings.SALESFORCE | {"LOGIN_URL": "http://example.com"}
    page = client.post(f"{RUNS}reach/", follow=True)
    assert "by https only" in page.content.decode()
    assert "the-consumer-secret" not in page.content.decode()
    assert connected.door.logins == 1


def test_a_mass_change_is_approved_with_a_reason(held: SalesforceRun) -> None:
    one = f"{RUNS}{held.run_id}/"
    client = superuser()
    page = client.get(one)
    assert text(page, "why") == "60 people would be deactivated"
    assert str(text(page, "findings")).count("salesforce_absent") == 60
    refused = client.post(f"{one}approve/", {"reason": ""})
    assert refused.status_code == 422
    assert log(SalesforceRunResumed) == []
    assert client.post(f"{one}approve/", {"reason": "they left"}).status_code == 303
    (approved,) = log(SalesforceRunResumed)
    assert (approved.actor, approved.payload.reason) == ("staff:root", "they left")
    assert finish(held).deactivated == 60
    again = client.post(f"{one}approve/", {"reason": "twice"}, follow=True)
    assert "cannot be done" in again.content.decode()


def test_the_dashboard_names_a_run_that_waits_to_those_who_may_see_it(
    held: SalesforceRun,
) -> None:
    for client in (superuser(), staff("users.view_salesforcerun")):
        page = client.get("/admin/")
        told = str(text(page, "held-run"))
        assert told.startswith("Awaiting approval The Salesforce run of ")
        assert "waits for somebody: 60 people would be deactivated." in told
        assert f'href="{RUNS}{held.run_id}/"' in page.content.decode()
    stranger = staff("eventstore.view_storedevent").get("/admin/")
    assert text(stranger, "held-run") is None
    superuser().post(f"{RUNS}{held.run_id}/cancel/", {"reason": "a mistake"})
    assert text(superuser().get("/admin/"), "held-run") is None


def test_a_mass_change_is_rejected(held: SalesforceRun) -> None:
    client = superuser()
    client.post(f"{RUNS}{held.run_id}/cancel/", {"reason": "a mistake"})
    assert finish(held).state == State.CANCELLED
    assert log(UserStatusChanged) == []


def test_each_page_demands_its_permission(held: SalesforceRun) -> None:
    one = f"{RUNS}{held.run_id}/"
    client = staff("users.view_salesforcerun", "users.change_salesforcerun")
    assert client.get(RUNS).status_code == client.get(one).status_code == 200
    assert text(client.get(one), "approve-card") is None
    waits = str(text(client.get(one), "waits-card"))
    assert "“Can approve mass changes from Salesforce”, which the role Lead" in waits
    assert text(client.get(one), "reject") == "Reject, and keep everybody"
    viewer = staff("users.view_salesforcerun")
    assert text(viewer.get(one), "waits-card")
    assert text(viewer.get(one), "reject") is None
    approver = staff("users.view_salesforcerun", "users.approve_salesforcerun")
    assert text(approver.get(one), "approve") == "Approve"
    assert text(approver.get(one), "reject") is None
    assert client.post(f"{one}approve/", {"reason": "x"}).status_code == 403
    assert client.post(f"{RUNS}add/", {"mode": "full"}).status_code == 403
    assert client.get(CONFLICTS).status_code == 403
    assert staff().get(RUNS).status_code == 403
    assert client.get(f"{RUNS}{uuid4()}/").status_code == 404


def test_a_run_is_paused_and_resumed(connected: Salesforce) -> None:
    client = superuser()
    one = client.post(f"{RUNS}add/", {"mode": "full"})["Location"]
    for action, state in (("pause", "paused_user"), ("resume", "queued")):
        client.post(f"{one}{action}/", {"reason": ""})
        assert SalesforceRun.objects.get().state == state
    assert client.post(f"{RUNS}{uuid4()}/pause/", {}).status_code == 404
    assert connected.asked == []


def test_a_conflict_is_settled(connected: Salesforce, settings: LazySettings) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"FIELD_OWNERS": {"email": "manual"}}
    identity = connected.org.seed(1)[0]
    run()
    user_id = SalesforceLink.objects.get().user_id
    ours_now = translate.change(user_id, "email", "ours@example.com")
    services.execute(ours_now, metadata())
    connected.org.update(identity, Email="<b>theirs</b>@example.com")
    connected.org.update(identity, Email="theirs@example.com")
    run(Mode.INCREMENTAL)
    client = superuser()
    told = text(client.get(CONFLICTS), "conflict") or ""
    assert "We say ours@example.com Salesforce says theirs@example.com" in told
    found = SalesforceConflict.objects.get()
    number, seen = found.pk, {"version": found.version}
    settle = f"{CONFLICTS}{number}/settle/"
    client.post(settle, {"winner": "nobody", "reason": "asked"})
    for empty in ({}, {"reason": ""}, {"reason": " \t"}):
        unsaid = client.post(settle, {"winner": conflicts.THEIRS} | empty)
        assert unsaid.status_code == 422
        assert "Reason : This field is required." in str(text(unsaid, "error-summary"))
        assert f'href="#reason-{number}"' in unsaid.content.decode()
    assert SalesforceConflict.objects.get().resolved_at is None
    said = {"winner": conflicts.THEIRS, "reason": "asked"}
    unseen = client.post(settle, said | {"version": "x"}, follow=True).content
    assert b"changed meanwhile: look again" in unseen
    client.post(settle, said | seen)
    assert ours()[identity][1] == "theirs@example.com"
    again = client.post(settle, said | seen, follow=True).content
    assert b"no such open conflict" in again
    viewer = staff("users.view_salesforceconflict")
    assert viewer.post(settle, {"winner": conflicts.OURS}).status_code == 403


def test_a_second_run_is_told_which_one_waits_and_for_whom(
    held: SalesforceRun, connected: Salesforce
) -> None:
    one = f"{RUNS}{held.run_id}/"
    words = (
        f"Another Salesforce run is under way: {held.run_id}, awaiting_approval. The"
        " role Lead, or an API token with the scope salesforce:approve, may approve it;"
        " whoever may change runs may cancel it."
    )
    refused = superuser().post(f"{RUNS}add/", {"mode": "full"})
    assert refused.status_code == 422
    assert f"{words} Look at the run" in str(text(refused, "error-summary"))
    assert f'href="{one}"' in refused.content.decode()
    agent = staff("users.add_salesforcerun")
    refused = agent.post(f"{RUNS}add/", {"mode": "full"})
    assert words in str(text(refused, "error-summary"))
    assert one not in refused.content.decode()
    link = SalesforceLink.objects.order_by("sf_id").last()
    assert link
    fetched = superuser().post(user_url(link.user_id, "salesforce/"), follow=True)
    assert f'<a class="inline" href="{one}">' in fetched.content.decode()
    assert [each.state for each in SalesforceRun.objects.filter(is_active=True)] == [
        State.AWAITING_APPROVAL
    ]
    del connected


@pytest.mark.usefixtures("connected")
def test_the_list_asks_the_database_few_times(
    django_assert_max_num_queries: object,
) -> None:
    client = superuser()
    client.get(RUNS)
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        client.get(RUNS)
