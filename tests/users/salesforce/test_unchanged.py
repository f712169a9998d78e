"""Rows that say what they said last are passed by, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import LazySettings

from eventstore.intake.models import RawRecord
from tests.factories import metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.faults import Call, Fault
from tests.salesforce.here import ours, run, told, users_changed
from users import services
from users.commands import EraseUser
from users.models import SalesforceLink
from users.sources.salesforce.ahead import Ahead
from users.sources.salesforce.client import Client
from users.sources.salesforce.errors import UnavailableError
from users.sources.salesforce.run_state import Mode, Run
from users.values import ErasureGround

pytestmark = pytest.mark.django_db
FIELDS = ("Id", "LastName", "SystemModstamp")


def written() -> int:
    return len(users_changed()) + RawRecord.objects.count()


def digests() -> list[str]:
    return list(
        SalesforceLink.objects.order_by("sf_id").values_list("digest", flat=True)
    )


def test_a_row_that_is_known_is_not_read(connected: Salesforce) -> None:
    connected.org.seed(3)
    run()
    SalesforceLink.objects.update(said={})
    run(Mode.RECONCILE)
    assert {len(link.said) for link in SalesforceLink.objects.all()} == {0}
    SalesforceLink.objects.update(digest="")
    before = len(users_changed())
    run(Mode.RECONCILE)
    assert {len(link.said) for link in SalesforceLink.objects.all()} == {3}
    assert len(users_changed()) == before


def test_a_touch_and_a_link_of_older_code_are_read_once(connected: Salesforce) -> None:
    ids = connected.org.seed(3)
    run()
    before, known = written(), digests()
    assert all(known)
    connected.org.update(ids[0])
    SalesforceLink.objects.filter(sf_id=ids[1]).update(digest="")
    run(Mode.RECONCILE)
    assert written() == before
    after = digests()
    assert (after[0] != known[0], after[1:]) == (True, known[1:])


def test_a_dry_run_notes_no_row(connected: Salesforce) -> None:
    connected.org.seed(2)
    run()
    SalesforceLink.objects.update(digest="")
    run(Mode.RECONCILE, dry_run=True)
    assert digests() == ["", ""]


def test_the_very_same_row_is_news_once_it_was_missing(connected: Salesforce) -> None:
    ids = connected.org.seed(3)
    run()
    row = dict(connected.org.tables["Contact"][ids[1]])
    connected.org.purge(ids[1])
    run(Mode.RECONCILE)
    assert ours()[ids[1]][2] == "deactivated"
    connected.org.tables["Contact"][ids[1]] = row
    run(Mode.RECONCILE)
    assert ours()[ids[1]][2] == "active"


def test_the_very_same_row_is_news_under_other_rules(
    connected: Salesforce, settings: LazySettings
) -> None:
    identity = connected.org.create(LastName="A", Email="a@b.org", Status__c="On hold")
    run()
    assert ours()[identity][2] == "suspended"
    settings.SALESFORCE = settings.SALESFORCE | {"STATUS_MAP": {"On hold": "active"}}
    run(Mode.RECONCILE)
    assert ours()[identity][2] == "active"


def test_a_repaired_row_is_counted_each_time(connected: Salesforce) -> None:
    connected.org.create(LastName="A\0da", Email="a@b.org")
    connected.org.create(LastName="\ud83d", Email="c@d.org")
    first = run()
    again = run(Mode.RECONCILE)
    assert first.counts["repaired"] == again.counts["repaired"] > 1
    assert digests() == ["", ""]


def test_nothing_is_kept_of_a_row_of_an_erased_person(connected: Salesforce) -> None:
    identity = connected.org.create(LastName="Ng", Email="ng@example.com")
    run()
    user_id = SalesforceLink.objects.get().user_id
    erase = EraseUser(user_id=user_id, ground=ErasureGround.REQUEST)
    services.execute(erase, metadata())
    connected.org.update(identity, LastName="Other")
    for mode in (Mode.INCREMENTAL, Mode.RECONCILE):
        run(mode)
        link = SalesforceLink.objects.get()
        assert (link.state, link.said, link.digest) == ("ignored", {}, "")


def test_the_next_page_is_there_when_it_is_wanted(org: Salesforce) -> None:
    org.org.seed(5)
    options = told(org, page_size=2)
    mine = Run(sobject="Contact", mode=Mode.FULL, dry_run=False, ids=(), fields=FIELDS)
    with Client(options) as client, Ahead(client, options) as ahead:
        first, calls = ahead.take(mine)
        assert (ahead.has_page, len(first.rows), calls) == (False, 2, 1)
        ahead.begin(mine, first)
        assert ahead.has_page
        after = replace(mine, last_id=first.last_id, last_stamp=first.last_stamp)
        second, calls = ahead.take(after)
        assert (ahead.has_page, calls) == (False, 2)
        assert second.rows[0]["Id"] > first.rows[-1]["Id"]
        org.faults.plan(Call.QUERY, Fault.UNAVAILABLE, times=options.max_tries)
        ahead.begin(after, second)
        with pytest.raises(UnavailableError):
            ahead.take(replace(after, last_id=second.last_id))
