"""The scenario A10: what a run reads by jobs of the Bulk API, and when jobs fail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from eventstore.intake.models import RawRecord
from tests.salesforce.answers import Salesforce
from tests.salesforce.faults import Call, Fault
from tests.salesforce.here import finish, log, ours, run, truth, users_changed
from tests.users.salesforce.acting import as_staff
from users.models import SalesforceJob, SalesforceRun
from users.sources.salesforce import backfill, runs
from users.sources.salesforce.events import (
    SalesforceJobDone,
    SalesforceJobLost,
    SalesforceJobMade,
    SalesforcePageRead,
    SalesforceRunOpened,
)
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db
ROUGH = [
    *(Fault.HANG, Fault.DRIP, Fault.RESET, Fault.HTML, Fault.BAD_JSON, Fault.GARBLED),
    *(Fault.UNAVAILABLE, Fault.SHORT, Fault.DUPLICATE),
]


@pytest.fixture(autouse=True)
def by_job(connected: Salesforce, settings: LazySettings) -> None:
    connected.jobs.polls = 1
    settings.SALESFORCE = settings.SALESFORCE | {
        "BULK_THRESHOLD": 5,
        "BULK_PAGE_SIZE": 10,
    }


def asked(org: Salesforce, call: Call) -> int:
    return [each for each, *_ in org.asked].count(call)


def kept() -> list[str]:
    return sorted(RawRecord.objects.values_list("dedupe_key", flat=True))


def lost() -> list[tuple[str, bool]]:
    told = [each.payload for each in log(SalesforceJobLost)]
    return [(each.reason, each.is_given_up) for each in told]


def test_a_job_reads_what_pages_would(connected: Salesforce) -> None:
    ids = connected.org.seed(35)
    connected.org.delete(ids[0])
    done = run()
    assert (done.state, done.why, done.pages) == (State.SUCCEEDED, "", 4)
    assert (done.counts["read"], done.counts["created"]) == (35, 34)
    gone = {ids[0]: truth(connected)[ids[0]]}
    assert ours() | gone == truth(connected)
    assert (asked(connected, Call.QUERY), asked(connected, Call.RESULTS)) == (0, 4)
    (opened,), (made,) = log(SalesforceRunOpened), log(SalesforceJobMade)
    assert (opened.payload.expected, opened.payload.is_bulk) == (35, True)
    assert opened.payload.flags == ["IsDeleted"]
    (ready,) = log(SalesforceJobDone)
    assert (ready.payload.job_id, ready.payload.records) == (made.payload.job_id, 35)
    assert [bool(each.payload.locator) for each in log(SalesforcePageRead)] == [
        *(True, True, True, False)
    ]
    assert (connected.jobs.known, SalesforceJob.objects.count()) == ({}, 0)


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.RECONCILE, Mode.INCREMENTAL])
def test_the_other_way_says_nothing_new(
    connected: Salesforce, settings: LazySettings, mode: Mode
) -> None:
    connected.org.seed(12)
    connected.org.create(LastName="Nobody", Email=None)
    settings.SALESFORCE = settings.SALESFORCE | {"BULK_THRESHOLD": 1000}
    run()
    before = users_changed(), kept()
    settings.SALESFORCE = settings.SALESFORCE | {"BULK_THRESHOLD": 5}
    done = run(mode)
    counts = {name: n for name, n in done.counts.items() if n}
    assert counts == {"read": 13, "quarantined": 1}
    assert (users_changed(), kept()) == before
    assert connected.jobs.made == 1


def test_few_records_are_read_without_a_job(connected: Salesforce) -> None:
    connected.org.seed(5)
    assert run().state == State.SUCCEEDED
    assert (connected.jobs.made, asked(connected, Call.QUERY)) == (0, 1)


def test_what_cannot_be_counted_is_read_by_a_job(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"MAX_TRIES": 2}
    connected.org.seed(3)
    connected.faults.plan(Call.COUNT, Fault.SLOW, times=2)
    assert run().state == State.SUCCEEDED
    assert connected.jobs.made == 1
    (opened,) = log(SalesforceRunOpened)
    assert (opened.payload.expected, opened.payload.is_bulk) == (None, True)


def test_texts_of_any_kind_survive_the_csv(connected: Salesforce) -> None:
    names = [
        *('Quo"ted', "Com,ma", "Li\nne", "Wi\r\nn", "NULL", "N/A", "null", "true"),
        *("\u202eRTL", "=1+1", "\U0001f642 Ng", "O'Neil", "<script>", "a;b\tc", "é"),
    ]
    for number, name in enumerate(names):
        connected.org.create(LastName=name, Email=f"n{number}@example.com")
    connected.org.create(LastName="Nul\0l", Email="nul@example.com")
    connected.org.create(LastName="x" * 3000, Email="long@example.com")
    connected.org.create(LastName="Half \ud83d", Email="half@example.com")
    connected.org.create(LastName="Nobody", Email=None)
    done = run()
    assert (done.state, connected.jobs.made) == (State.SUCCEEDED, 1)
    by_job = {email: name for name, email, _ in ours().values()}
    quarantined = done.counts["quarantined"]
    again = run(Mode.RECORD, ids=list(connected.org.tables["Contact"]))
    assert (again.counts["quarantined"], again.counts["changed"]) == (quarantined, 0)
    assert quarantined == 3  # no address, too long, and what turns text around
    assert by_job["n0@example.com"] == 'Quo"ted'
    assert by_job["n2@example.com"] == "Li ne"
    assert by_job["n4@example.com"] == "NULL"
    assert by_job["nul@example.com"] == "Null"
    assert by_job["half@example.com"] == "Half \ufffd"
    assert len(by_job) == len(names) + 1


def test_a_flag_of_a_user_is_no_word(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"SOBJECT": "User", "STATUS_FIELD": ""}
    for number in range(8):
        email = f"u{number}@example.com"
        connected.org.create("User", LastName="U", Email=email, IsActive=number != 3)
    done = run()
    assert (done.state, connected.jobs.made) == (State.SUCCEEDED, 1)
    statuses = sorted(status for _, _, status in ours().values())
    assert statuses == ["active"] * 7 + ["deactivated"]


@pytest.mark.parametrize("ends", [["Failed"], ["Aborted", "Failed"]])
def test_a_job_that_fails_is_replaced(connected: Salesforce, ends: list[str]) -> None:
    connected.org.seed(12)
    connected.jobs.failures = list(ends)
    assert run().state == State.SUCCEEDED
    assert ours() == truth(connected)
    assert [reason.split()[0] for reason, _ in lost()] == ends
    assert connected.jobs.made == connected.jobs.deleted == len(ends) + 1
    assert asked(connected, Call.QUERY) == 0


def test_after_three_jobs_the_records_are_asked_for(connected: Salesforce) -> None:
    ids = connected.org.seed(12)
    run()
    connected.org.purge(ids[4])
    connected.jobs.failures = ["Failed", "Failed", "Aborted"]
    done = run(Mode.RECONCILE)
    assert (done.state, done.deactivated) == (State.SUCCEEDED, 1)
    assert [is_given_up for _, is_given_up in lost()] == [False, False, True]
    assert lost()[0][0] == "Failed InternalServerError: Retried more than 15 times"
    assert connected.jobs.made == connected.jobs.deleted == 4
    assert asked(connected, Call.QUERY) == 2  # the last one asks about the absent


@pytest.mark.parametrize("fault", ROUGH)
def test_a_passing_fault_is_outlived(
    connected: Salesforce, settings: LazySettings, fault: Fault
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {
        "READ_TIMEOUT": 0.3,
        "REQUEST_DEADLINE": 0.4,
    }
    connected.org.seed(15)
    for call in (Call.JOB, Call.RESULTS):
        for after in (0, 1):
            connected.faults.plan(call, fault, after=after)
    connected.faults.plan(Call.COUNT, fault)
    done = run()
    assert (done.state, done.why) == (State.SUCCEEDED, "")
    assert ours() == truth(connected)
    assert len(users_changed()) == 15
    assert len(connected.faults.seen) == 5
    assert (connected.jobs.known, lost()) == ({}, [])


@pytest.mark.parametrize("fault", [Fault.GONE, Fault.LOST_LOCATOR])
def test_a_job_that_goes_while_it_is_read_is_replaced(
    connected: Salesforce, fault: Fault
) -> None:
    connected.org.seed(35)
    connected.faults.plan(Call.RESULTS, fault, after=2)
    done = run()
    assert done.state == State.SUCCEEDED
    assert ours() == truth(connected)
    assert (done.counts["created"], len(users_changed())) == (35, 35)
    assert (len(lost()), connected.jobs.made, connected.jobs.known) == (1, 2, {})


def test_a_job_that_keeps_rows_to_itself_is_not_believed(
    connected: Salesforce,
) -> None:
    connected.org.seed(15)
    connected.jobs.withholds = [3]
    assert run().state == State.SUCCEEDED
    assert ours() == truth(connected)
    assert lost() == [("12 of 15 records", False)]


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.TRUNCATE])
def test_a_job_whose_answer_was_lost_is_deleted(
    connected: Salesforce, fault: Fault
) -> None:
    connected.org.seed(12)
    other = {"operation": "queryAll", "query": "SELECT Id FROM Contact"}
    early = connected.jobs.make(connected.org, other, "60.0")["id"]
    stranger = connected.jobs.make(connected.org, other, "60.0")["id"]
    connected.jobs.known[early].made_at -= timedelta(hours=1)
    connected.jobs.known[stranger].made_at += timedelta(hours=1)
    connected.jobs.known[stranger].made_by = "005000000000009AAC"
    connected.faults.plan(Call.JOB, fault, after=2)  # two lists, then the making
    assert run().state == State.SUCCEEDED
    assert connected.faults.seen == [(Call.JOB, fault)]
    assert (connected.jobs.made, connected.jobs.deleted) == (4, 2)
    assert connected.jobs.known.keys() == {early, stranger}


def test_an_org_without_jobs_is_read_all_the_same(connected: Salesforce) -> None:
    connected.org.seed(12)
    connected.jobs.refused = "API_DISABLED_FOR_ORG"
    assert run().state == State.SUCCEEDED
    assert ours() == truth(connected)
    assert lost() == [("API_DISABLED_FOR_ORG", True)]


def test_another_worker_goes_on_where_the_last_one_stood(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"SLICE_SECONDS": 0}
    connected.jobs.polls = 2
    connected.org.seed(35)
    with as_staff():
        started = runs.start(Mode.FULL)
    seen: list[Any] = []
    while runs.find(started.run_id).is_active:
        SalesforceRun.objects.update(due_at=timezone.now())
        backfill.work(started.run_id)
        state = runs.state_of(started.run_id)
        seen.append((state.job_id, state.locator, state.pages))
    assert ours() == truth(connected)
    assert [pages for *_, pages in seen] == [0, 0, 1, 2, 3, 4, 4]
    assert {job_id for job_id, *_ in seen} == {seen[0][0]}
    assert len({locator for _, locator, _ in seen}) == 4
    assert (connected.jobs.made, asked(connected, Call.RESULTS)) == (1, 4)


def test_a_job_that_takes_long_keeps_no_worker(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {
        "BULK_POLL_SECONDS": 50,
        "SLICE_SECONDS": 1,
    }
    connected.org.seed(12)
    waiting = run()
    assert (waiting.state, waiting.pages) == (State.RUNNING, 0)
    assert runs.due() == []
    assert waiting.due_at - timezone.now() > timedelta(seconds=20)
    settings.SALESFORCE = settings.SALESFORCE | {"BULK_POLL_SECONDS": 0.01}
    SalesforceRun.objects.update(due_at=timezone.now())
    assert finish(waiting).state == State.SUCCEEDED
    assert connected.jobs.made == 1


def test_a_job_without_end_is_replaced(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {
        "BULK_POLL_SECONDS": 50,
        "SLICE_SECONDS": 1,
    }
    connected.org.seed(12)
    connected.jobs.polls = 99
    waiting = run()
    connected.org.skew += timedelta(hours=25)
    connected.jobs.polls = 1
    settings.SALESFORCE = settings.SALESFORCE | {"BULK_POLL_SECONDS": 0.01}
    SalesforceRun.objects.update(due_at=timezone.now())
    assert finish(waiting).state == State.SUCCEEDED
    assert lost() == [("it takes too long", False)]
    assert connected.jobs.deleted == connected.jobs.made == 2


def test_the_job_of_a_run_that_was_cancelled_is_deleted_by_the_next(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {
        "BULK_POLL_SECONDS": 50,
        "SLICE_SECONDS": 1,
    }
    connected.org.seed(12)
    waiting = run()
    with as_staff():
        runs.cancel(waiting.run_id, reason="wrong day")
    assert connected.jobs.known != {}
    settings.SALESFORCE = settings.SALESFORCE | {"BULK_POLL_SECONDS": 0.01}
    assert run().state == State.SUCCEEDED
    assert (connected.jobs.made, connected.jobs.known) == (2, {})
    assert SalesforceJob.objects.count() == 0


def test_sessions_end_while_a_job_is_asked_about(connected: Salesforce) -> None:
    connected.org.seed(15)
    connected.faults.plan(Call.JOB, Fault.EXPIRED, after=2)
    connected.faults.plan(Call.RESULTS, Fault.EXPIRED)
    assert run().state == State.SUCCEEDED
    assert ours() == truth(connected)
    assert connected.door.logins == 3


def test_the_limit_pauses_a_run_in_the_middle_of_a_job(connected: Salesforce) -> None:
    connected.org.seed(35)
    connected.faults.plan(Call.RESULTS, Fault.LIMIT, after=2)
    paused = run()
    assert (paused.state, paused.pages) == (State.PAUSED_LIMIT, 2)
    SalesforceRun.objects.update(due_at=timezone.now(), beaten_at=None)
    assert finish(paused).state == State.SUCCEEDED
    assert (connected.jobs.made, asked(connected, Call.RESULTS)) == (1, 5)


def test_a_dry_run_by_a_job_changes_nothing(connected: Salesforce) -> None:
    connected.org.seed(12)
    dry = run(dry_run=True)
    assert (dry.state, dry.counts["created"]) == (State.SUCCEEDED, 12)
    assert (ours(), connected.jobs.known) == ({}, {})


def test_a_million_take_three_hundred_requests(connected: Salesforce) -> None:
    """N5, by hundreds in place of thousands: all but one request a page stays so."""
    connected.org.seed(35)
    done = run()
    assert done.calls - done.pages <= 20
    assert 1_000_000 / 5_000 + done.calls - done.pages <= 300
