from __future__ import annotations

import io
import json
import logging
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError
from django_celery_beat.models import PeriodicTask

from tests.salesforce.answers import Salesforce
from tests.salesforce.faults import Call, Fault
from tests.salesforce.here import log, ours, run, truth
from tests.users.salesforce.acting import as_staff
from users.models import SalesforceRun
from users.sources.salesforce import login, runs
from users.sources.salesforce.events import SalesforceRunStarted
from users.sources.salesforce.run_state import Mode

pytestmark = pytest.mark.django_db


def said(name: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def refused(name: str, *arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        said(name, *arguments)
    return caught.value.returncode, str(caught.value)


def test_a_run_at_the_command_line(connected: Salesforce) -> None:
    connected.org.seed()
    assert said("salesforce_sync", "--mode", "full") == "full: 156 read, 156 created"
    assert ours() == truth(connected)
    told = json.loads(said("salesforce_sync", "--json"))
    assert told.pop("run_id")
    assert (told["state"], told["read"], told["created"]) == ("succeeded", 156, 0)
    assert SalesforceRun.objects.first().actor == "system:manage.py"  # type: ignore[union-attr]


def test_one_conflict_is_told_as_one(connected: Salesforce) -> None:
    for name in ("First", "Second"):
        connected.org.create(LastName=name, Email="same@example.com")
    told = said("salesforce_sync", "--mode", "full")
    assert told == "full: 2 read, 1 created, 1 conflict"


def test_a_longer_window_is_read_again(connected: Salesforce) -> None:
    connected.org.seed(3)
    connected.org.create(
        LastName="Old",
        Email="old@example.com",
        SystemModstamp=connected.org.now() - timedelta(days=30),
    )
    run()
    assert json.loads(said("salesforce_sync", "--json"))["read"] == 3
    instant = connected.org.now() - timedelta(days=31)
    told = json.loads(said("salesforce_sync", "--json", f"--since={instant:%FT%TZ}"))
    assert (told["read"], told["created"], told["changed"]) == (4, 0, 0)
    (*_, event) = log(SalesforceRunStarted)
    assert event.payload.since == instant
    mark = runs.watermark("Contact")
    assert mark
    assert refused(
        "salesforce_sync", f"--since={mark + timedelta(seconds=1):%FT%TZ}"
    ) == (
        2,
        f"Say an instant before {mark:%FT%TZ}, up to when Salesforce is known.",
    )
    assert refused("salesforce_sync", "--mode=full", f"--since={mark:%FT%TZ}") == (
        2,
        "Only an incremental run reads from an instant on.",
    )
    for text in ("yesterday", "2026-11-01"):
        status, message = refused("salesforce_sync", f"--since={text}")
        assert "write an instant with an offset" in message
        assert status == 1


def test_a_window_without_a_watermark_is_refused(connected: Salesforce) -> None:
    connected.org.seed(1)
    assert refused("salesforce_sync", "--since=2026-11-01T00:00:00Z") == (
        2,
        "Salesforce was never read whole: start a full run first.",
    )


def test_a_rehearsal_at_the_command_line(connected: Salesforce) -> None:
    connected.org.seed(3)
    assert said("salesforce_sync", "--mode=full", "--dry-run") == (
        "full: 3 read, 3 created (only told, nothing changed)"
    )
    assert ours() == {}


def test_a_run_that_fails_says_so_with_its_exit_code(connected: Salesforce) -> None:
    assert refused("salesforce_sync") == (
        2,
        "Salesforce was never read whole: start a full run first.",
    )
    connected.org.hidden.add("Email")
    assert refused("salesforce_sync", "--mode=full") == (
        1,
        "the run is failed: schema: Email",
    )
    assert refused("salesforce_sync", "--mode=record", "--ids", "nonsense") == (
        2,
        "This is not the id of a Salesforce record: nonsense",
    )


def test_the_id_that_is_none_is_named(connected: Salesforce) -> None:
    good = connected.org.seed(1)[0]
    for bad, shown in (
        (good[:14], good[:14]),
        ("\x1b[2J\udce9", r"\x1b[2J\udce9"),
        ("x" * 41, "x" * 40 + "…"),
    ):
        assert refused("salesforce_sync", "--mode=record", "--ids", good, bad) == (
            2,
            f"This is not the id of a Salesforce record: {shown}",
        )
    assert SalesforceRun.objects.count() == 0


def test_a_mode_that_is_none_is_told_which_there_are() -> None:
    _status, message = refused("salesforce_sync", "--mode=nonsense")
    for word in ("'full'", "'incremental'", "'reconcile'", "'record'"):
        assert word in message
    assert "Mode" not in message


def test_a_run_in_the_way_is_named(connected: Salesforce) -> None:
    connected.org.seed(1)
    with as_staff():
        other = runs.start(Mode.FULL)
    assert refused("salesforce_sync", "--mode=full") == (
        2,
        f"Another Salesforce run is under way: {other.run_id}, queued.",
    )
    with as_staff():
        runs.pause(other.run_id)
    assert refused("salesforce_sync", "--mode=full") == (
        2,
        f"Another Salesforce run is under way: {other.run_id}, paused_user.",
    )
    assert refused("salesforce_check")[1].endswith("1 run waits for somebody")


def test_the_check_says_how_things_stand(connected: Salesforce) -> None:
    connected.org.hidden.add("FirstName")
    assert refused("salesforce_check") == (1, "no run succeeded of late")
    run()
    told = json.loads(said("salesforce_check", "--json"))
    assert told["org_id"] == connected.org.org_id
    assert told["missing"] == ["FirstName"]
    assert (told["held"], told["conflicts"], told["is_stale"]) == (0, 0, False)
    lines = said("salesforce_check").splitlines()
    assert lines[:3] == [
        "org 00D000000000001EAA",
        f"{connected.org.api_used} of 100,000 requests used today",
        "fields we may not see: FirstName",
    ]
    connected.faults.plan(Call.QUERY, Fault.LIMIT)
    run(Mode.INCREMENTAL)
    assert refused("salesforce_check") == (1, "1 run waits for somebody")


def test_the_check_that_cannot_reach_it(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"CLIENT_SECRET": "wrong"}
    assert refused("salesforce_check") == (
        2,
        "Salesforce refused the log-in: invalid_client.",
    )
    login.forget()
    settings.SALESFORCE = settings.SALESFORCE | {"LOGIN_URL": "http://example.com"}
    assert refused("salesforce_check")[0] == 2
    settings.SALESFORCE = settings.SALESFORCE | {"LOGIN_URL": ""}
    assert refused("salesforce_check")[0] == 2
    assert connected.door.logins == 0


def test_the_schedule_is_seeded_and_can_be_edited() -> None:
    found = {
        each.name: (each.task, json.loads(each.args), str(each.scheduler))
        for each in PeriodicTask.objects.filter(name__startswith="salesforce")
    }
    assert found == {
        "salesforce incremental": (
            "users.salesforce_start",
            ["incremental"],
            "every 10 minutes",
        ),
        "salesforce reconcile": (
            "users.salesforce_start",
            ["reconcile"],
            "0 3 * * 0 (m/h/dM/MY/d) UTC",
        ),
        "salesforce sweep": ("users.salesforce_sweep", [], "every minute"),
    }


def test_no_secret_is_logged(
    connected: Salesforce, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connected.org.seed(2)
    connected.faults.plan(Call.QUERY, Fault.EXPIRED)
    run()
    assert [each for each in _secrets(connected) if each in caplog.text] == []
    emails = [each["Email"] for each in connected.org.snapshot("Contact")]
    lines = [record for record in caplog.records if record.name.startswith("users")]
    assert [each for each in emails if each in str(lines)] == []


def _secrets(org: Salesforce) -> list[str]:
    return [*org.door.sessions, org.door.client_secret]
