from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from eventstore.events import ERASED
from eventstore.exports.models import Export
from tests.backoffice import regions, staff, superuser, text
from tests.exports import content
from tests.factories import metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import run
from users import services
from users.commands import EraseUser
from users.models import SalesforceFinding, SalesforceLink, SalesforceRun
from users.sources.salesforce import rehearsals
from users.sources.salesforce.run_state import Mode, State
from users.values import ErasureGround

pytestmark = pytest.mark.django_db
RUNS = "/admin/users/salesforcerun/"
FORMULA = "=1+1"
MANY = """
    INSERT INTO users_salesforcefinding (run_id, sf_id, user_id, what, reason, is_done)
    SELECT %s, '003' || lpad(number::text, 12, '0') || 'AAA', %s, 'deactivated',
        'salesforce_absent', false
    FROM generate_series(0, 29999) AS number
"""
ELSEWHERE = ("users_salesforcerun", "users_salesforcefinding", "users_salesforceseen")


@pytest.fixture
def rehearsed(connected: Salesforce) -> SalesforceRun:
    """Rehearse a changed name, a deletion and somebody new; nobody looked yet."""
    ids = connected.org.seed(4)
    run()
    connected.org.update(ids[0], FirstName="", LastName=FORMULA)
    connected.org.delete(ids[1])
    connected.org.create(FirstName="New", LastName="Body", Email="new@example.com")
    return run(Mode.INCREMENTAL, dry_run=True)


def changes(of: SalesforceRun) -> dict[str, tuple[str, str]]:
    """Return what a run would change, by field."""
    found = rehearsals.read(of.run_id, rehearsals.page(of.run_id, limit=100))
    return {each.field: (each.now, each.after) for each in found}


def test_what_is_and_what_would_be_stand_side_by_side(rehearsed: SalesforceRun) -> None:
    told = changes(rehearsed)
    assert told["name"][1] == FORMULA
    assert told["name"][0] not in ("", FORMULA)
    assert told["status"] == ("active", "deactivated")
    assert told["created"] == ("", "New Body, new@example.com, active")
    assert len(told) == 3
    assert "new@example.com" not in str(list(SalesforceFinding.objects.values()))


def test_a_rehearsal_counts_what_the_run_after_it_does(connected: Salesforce) -> None:
    ids = connected.org.seed(30)
    run()
    for identity in ids[:9]:
        connected.org.update(identity, LastName="Other")
    connected.org.update(ids[9], Email="not an address")
    connected.org.update(ids[10], Email=connected.org.snapshot("Contact")[12]["Email"])
    connected.org.delete(ids[11])
    connected.org.purge(ids[14])
    connected.org.create(LastName="New", Email="new@example.com")
    before = _rows()
    dry = run(Mode.RECONCILE, dry_run=True)
    assert _rows() == before
    wet = run(Mode.RECONCILE)
    assert (dry.state, dry.counts) == (wet.state, wet.counts)
    assert wet.counts["changed"] >= 9
    assert wet.counts["conflicts"] == wet.counts["quarantined"] == 1
    mine = SalesforceFinding.objects.filter(what="deactivated")
    assert mine.filter(run_id=dry.run_id).count() == wet.deactivated == 2


def test_the_page_shows_people_to_those_who_may_see_them(
    rehearsed: SalesforceRun,
) -> None:
    one = f"{RUNS}{rehearsed.run_id}/"
    shown = " ".join(regions(superuser().get(one), "finding"))
    assert "New Body, new@example.com, active" in shown
    masked = " ".join(regions(staff("users.view_salesforcerun").get(one), "finding"))
    assert "new@example.com" not in masked
    assert "(masked)" in masked
    assert "active deactivated salesforce_deleted" in masked


def test_a_file_of_all_of_it_is_an_act_and_no_formula(rehearsed: SalesforceRun) -> None:
    client = superuser()
    new = f"/admin/exports/new/?kind=salesforce_findings&run={rehearsed.run_id}"
    columns = ["record", "field", "now", "after"]
    form = {"form": "csv", "columns": columns, "personal": "on", "reason": "a look"}
    answer = client.post(new, form)
    assert answer.status_code == 303
    export = Export.objects.get()
    assert (export.state, export.rows) == ("done", 3)
    assert f",'{FORMULA}\n" in content(export).decode()
    lost = client.get("/admin/exports/new/?kind=salesforce_findings&run=nobody")
    assert (lost.status_code, lost["Location"]) == (303, RUNS)
    unseen = staff("eventstore.export_events")
    assert unseen.get(new).status_code == 403


def test_an_erased_person_is_in_no_rehearsal(rehearsed: SalesforceRun) -> None:
    named = SalesforceFinding.objects.get(what="name")
    erase = EraseUser(user_id=named.user_id, ground=ErasureGround.REQUEST)
    services.execute(erase, metadata())
    named.refresh_from_db()
    assert named.sealed == ""
    assert changes(rehearsed)["name"] == ("", "")
    assert "not kept any more" in str(
        text(superuser().get(f"{RUNS}{rehearsed.run_id}/"), "findings")
    )
    assert ERASED not in json.dumps(changes(rehearsed))


def test_after_a_day_nobody_can_read_the_values(rehearsed: SalesforceRun) -> None:
    rehearsals.discard_old()
    assert changes(rehearsed)["created"][1]
    mine = SalesforceRun.objects.filter(run_id=rehearsed.run_id)
    mine.update(changed_at=timezone.now() - timedelta(days=1, seconds=1))
    kept = SalesforceFinding.objects.exclude(sealed="").first()
    assert kept
    rehearsals.discard_old()
    assert SalesforceFinding.objects.exclude(sealed="").count() == 0
    kept.save()  # as an old copy of the table would have it
    assert changes(rehearsed)["created"] == ("", "")


def test_thirty_thousand_people_are_paged(connected: Salesforce) -> None:
    connected.org.seed(1)
    done = run()
    link = SalesforceLink.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(MANY, [done.run_id, link.user_id])
    SalesforceRun.objects.update(
        state=State.AWAITING_APPROVAL, is_active=True, people=30_000
    )
    client, one = superuser(), f"{RUNS}{done.run_id}/"
    first = client.get(one).content.decode()
    assert first.count('data-testid="finding"') == 100
    assert "100 of 30,000 are shown." in first
    place = "003000000000099AAA.deactivated"
    assert f'href="?after={place}"' in first
    second = client.get(f"{one}?after={place}").content.decode()
    assert second.count('data-testid="finding"') == 100
    assert "003000000000100AAA" in second
    assert ">003000000000099AAA<" not in second
    hostile = client.get(one, {"after": "\0' OR 1=1" + "x" * 5000}).content.decode()
    assert "003000000000000AAA" in hostile


def _rows() -> dict[str, int]:
    """Return how many rows each table of ours has, but those of runs."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        found = {}
        for name in names:
            if name not in ELSEWHERE and name.startswith(("users_", "raw_", "record_")):
                cursor.execute(f'SELECT count(*) FROM "{name}"')
                found[name] = cursor.fetchone()[0]
    return found
