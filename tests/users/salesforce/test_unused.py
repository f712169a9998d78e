"""What a run cannot use does not stand in the way longer than it has to."""

from __future__ import annotations

import json

import pytest
from django.conf import LazySettings

from eventstore.events import SALESFORCE
from eventstore.intake import raw, reprocessing
from eventstore.intake.models import RecordMapping
from eventstore.intake.raw import RECORD, Received, Settled
from tests.backoffice import superuser
from tests.factories import known_user
from tests.salesforce.acts import disputed
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import run
from tests.users.salesforce.acting import as_staff
from users.models import SalesforceConflict
from users.sources.salesforce import runs
from users.sources.salesforce.checks import check_messages
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db
CONFLICTS = "/admin/users/salesforceconflict/"
START = "/admin/users/salesforcerun/add/?mode=record&quarantined=bad_email"


def test_what_somebody_skipped_stays_so_and_holds_no_run(
    connected: Salesforce,
) -> None:
    connected.org.fill(51, Email="nonsense")
    held = run()
    assert (held.state, held.counts["quarantined"]) == (State.PAUSED_QUALITY, 51)
    one = RecordMapping.objects.filter(state="quarantined").earliest("raw_id")
    with as_staff():
        runs.cancel(held.run_id)
        reprocessing.skip(one.record_id, reason="a test account")
    done = run()
    counts = done.counts["quarantined"], done.counts["ignored"]
    assert (done.state, *counts) == (State.SUCCEEDED, 50, 1)
    one.refresh_from_db()
    assert one.state == "skipped"


def test_a_run_over_named_records_is_not_held_for_them(connected: Salesforce) -> None:
    connected.org.fill(51, Email="nonsense")
    ids = list(connected.org.tables["Contact"])
    done = run(Mode.RECORD, ids=ids)
    assert (done.state, done.counts["quarantined"]) == (State.SUCCEEDED, 51)


@pytest.mark.parametrize(("waiting", "is_told"), [(2_000, False), (2_001, True)])
def test_a_group_that_is_too_long_for_a_run_says_so(
    *, waiting: int, is_told: bool
) -> None:
    received, settled = [], []
    for number in range(waiting):
        body = json.dumps({"Id": number}).encode()
        row = Received(
            source=SALESFORCE,
            kind=RECORD,
            body=body,
            key=f"unusable.{number}",
            content_type="application/json",
        )
        received.append(row)
        settled.append(
            Settled(state="quarantined", entity=f"{number:018}", error="bad_email")
        )
    raw.keep(received, settled=settled)
    page = superuser().get(START).content.decode()
    assert ("There are more than 2000" in page) is is_told
    assert f"{1_999:018}" in page
    assert f"{2_000:018}" not in page


def test_a_conflict_the_log_tells_nothing_about_hides_no_other() -> None:
    known_user()
    good = disputed()
    lost = SalesforceConflict.objects.create(
        sf_id="003000000000002AAA",
        user_id=good.user_id,
        attribute="email",
        kind="duplicate_email",
        version=9,
        opened_at=good.opened_at,
    )
    client = superuser()
    page = client.get(CONFLICTS).content.decode()
    assert page.count('data-testid="conflict"') == 2
    assert "There is nothing in the log about this conflict." in page
    assert "Ada Secret Lovelace" in page
    for winner, still in (("theirs", 2), ("ours", 1)):
        told = {"winner": winner, "reason": "asked her", "version": 9}
        client.post(f"{CONFLICTS}{lost.pk}/settle/", told)
        assert SalesforceConflict.objects.filter(resolved_at=None).count() == still
    assert SalesforceConflict.objects.get(resolved_at=None) == good


def test_no_source_is_called_as_our_own_readings_are(settings: LazySettings) -> None:
    told = {"mapper": "people", "secrets": ["whsec_" + "QUJD" * 12]}
    settings.INGEST_SOURCES = {"salesforce": told}
    assert [each.id for each in check_messages()] == ["salesforce.source"]
    settings.INGEST_SOURCES = {"sales": told}
    assert check_messages() == []
