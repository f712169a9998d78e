"""The scenarios A6, A8, A9 and A11: an org that fails, hides, limits and forgets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from tests.salesforce.answers import Salesforce
from tests.salesforce.faults import Call, Fault
from tests.salesforce.here import finish, log, ours, run, truth, users_changed
from tests.users.salesforce.acting import as_staff
from users.models import SalesforceRun
from users.sources.salesforce import backfill, login, runs
from users.sources.salesforce.events import SalesforceRunHeld, SalesforceRunResumed
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db
FAULTS = [fault for fault in Fault if fault not in (Fault.LIMIT, Fault.LOCKED)]


@pytest.fixture(autouse=True)
def small_pages(connected: Salesforce, settings: LazySettings) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"PAGE_SIZE": 50}
    connected.page_size = 30


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_outlives_every_fault_on_every_call(
    connected: Salesforce, fault: Fault
) -> None:
    connected.org.seed()
    calls = [Call.QUERY, Call.MORE, Call.DESCRIBE, Call.UPDATED]
    if fault not in (Fault.EXPIRED, Fault.EMPTY_401):
        calls.append(Call.TOKEN)
    for call in calls:
        connected.faults.plan(call, fault)
    done = run()
    assert (done.state, done.why) == (State.SUCCEEDED, "")
    assert sorted(connected.faults.seen) == sorted((call, fault) for call in calls)
    assert ours() == truth(connected)
    assert len(users_changed()) == 156


def test_a_run_outlives_faults_by_chance(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"MAX_TRIES": 12, "PAGE_SIZE": 20}
    connected.org.seed()
    connected.faults.chance = 0.1
    connected.faults.kinds = (
        *(Fault.RESET, Fault.TRUNCATE, Fault.HTML, Fault.BAD_JSON, Fault.HANG),
        *(Fault.UNAVAILABLE, Fault.TOO_MANY, Fault.SHORT, Fault.DUPLICATE),
    )
    assert run().state == State.SUCCEEDED
    assert connected.faults.seen != []
    assert ours() == truth(connected)


def test_a_fault_without_end_fails_the_run_and_moves_no_watermark(
    connected: Salesforce,
) -> None:
    connected.org.seed()
    mark = run().covered_until
    connected.faults.plan(Call.QUERY, Fault.UNAVAILABLE, times=99)
    failed = run(Mode.INCREMENTAL)
    assert failed.state == State.FAILED
    assert failed.why == "Salesforce could not be read: HTTP 503."
    assert runs.watermark("Contact") == mark


def test_wrong_credentials_fail_the_run(settings: LazySettings) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"CLIENT_SECRET": "wrong"}
    failed = run()
    assert (failed.state, failed.why) == (State.FAILED, "auth_failed: invalid_client")


def test_a_field_we_need_is_hidden(connected: Salesforce) -> None:
    connected.org.seed(3)
    run()
    before = users_changed()
    connected.org.hidden.add("Email")
    failed = run(Mode.INCREMENTAL)
    assert (failed.state, failed.why) == (State.FAILED, "schema: Email")
    assert users_changed() == before


def test_a_field_we_would_like_is_hidden(connected: Salesforce) -> None:
    ids = connected.org.seed(3)
    run()
    before = ours()
    connected.org.hidden |= {"FirstName", "Status__c"}
    connected.org.update(ids[0], FirstName="Other", Email="other@example.com")
    done = run(Mode.INCREMENTAL)
    assert done.state == State.SUCCEEDED_DEGRADED
    name, _, status = before[ids[0]]
    assert ours() == before | {ids[0]: (name, "other@example.com", status)}


def test_a_field_is_hidden_in_the_middle(connected: Salesforce) -> None:
    connected.org.seed()
    pages = iter([None, lambda: connected.org.hidden.add("LastName")])

    def hide() -> None:
        if (then := next(pages, None)) is not None:
            then()

    connected.before_page = hide
    failed = run()
    assert failed.state == State.FAILED
    assert failed.why == "Salesforce refused the request: INVALID_FIELD."
    assert set(ours().values()) <= set(truth(connected).values())


def test_the_limit_pauses_the_run_which_resumes_by_itself(
    connected: Salesforce,
) -> None:
    connected.org.seed()
    connected.faults.plan(Call.QUERY, Fault.LIMIT, after=2)
    paused = run()
    assert (paused.state, paused.pages) == (State.PAUSED_LIMIT, 2)
    assert paused.due_at - timezone.now() > timedelta(minutes=14)
    assert runs.due() == []
    SalesforceRun.objects.update(due_at=timezone.now(), beaten_at=None)
    assert runs.due() == [paused.run_id]
    assert finish(paused).state == State.SUCCEEDED
    assert ours() == truth(connected)
    assert len(log(SalesforceRunHeld, SalesforceRunResumed)) == 2


def test_sessions_end_between_pages(connected: Salesforce) -> None:
    connected.org.seed()
    connected.before_page = lambda: (
        connected.door.expire() if connected.door.logins < 4 else None
    )
    assert run().state == State.SUCCEEDED
    assert ours() == truth(connected)


def test_another_org_is_not_read(connected: Salesforce) -> None:
    connected.org.seed(3)
    run()
    connected.org.org_id = "00D000000000002EAA"
    connected.door.expire()
    login.forget()
    before = users_changed()
    failed = run(Mode.RECONCILE)
    assert (failed.state, failed.why) == (State.FAILED, "different_org")
    assert users_changed() == before
    assert Call.QUERY not in [call for call, *_ in connected.asked[-2:]]


@pytest.mark.parametrize("is_in_session", [True, False])
def test_another_org_in_the_middle_of_a_run_is_not_read(
    connected: Salesforce, settings: LazySettings, *, is_in_session: bool
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"PAGE_SIZE": 50, "SLICE_SECONDS": 0}
    connected.org.seed()
    with as_staff():
        started = runs.start(Mode.FULL)
    assert backfill.work(started.run_id)
    before = users_changed()
    connected.org.org_id = "00D000000000002EAA"
    if is_in_session:
        connected.door.expire()
    else:
        login.forget()
    failed = finish(started)
    assert (failed.state, failed.why) == (State.FAILED, "different_org")
    assert users_changed() == before
    # Nor does the next run take the other one for ours, though none succeeded yet.
    assert run().why == "different_org"
    assert users_changed() == before
