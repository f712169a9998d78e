"""What a run found unusable: whose it is, what helps, and that it is over then."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from eventstore import store
from eventstore.events import SALESFORCE
from eventstore.intake.models import RawRecord, RecordMapping
from tests.backoffice import attribute, staff, superuser, text, user_url
from tests.factories import ADA, known_user, metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, ours, run
from users import services
from users.aggregate import USER
from users.commands import EraseUser
from users.models import SalesforceLink, SalesforceRun
from users.sources.salesforce.run_state import Mode
from users.values import ErasureGround

pytestmark = pytest.mark.django_db
QUARANTINE = "/admin/eventstore/quarantine/"
START = "/admin/users/salesforcerun/add/"
SEE = "eventstore.view_rawrecord"
START_RUNS = "users.add_salesforcerun"
SKIP = "eventstore.skip_rawrecord"


def record_url(mapping: RecordMapping, rest: str = "") -> str:
    return f"/admin/eventstore/rawrecord/{mapping.record_id}/{rest}"


def stuck() -> RecordMapping:
    return RecordMapping.objects.get(state="quarantined")


def linked(org: Salesforce) -> tuple[str, UUID]:
    """Let a person be read, and then say what cannot be used."""
    identity = org.org.create(LastName="Byron", Email="ada@example.com")
    run()
    org.org.update(identity, Email="nonsense")
    run(Mode.INCREMENTAL)
    return identity, SalesforceLink.objects.get().user_id


def states(source: str = SALESFORCE) -> list[str]:
    mine = RecordMapping.objects.filter(source=source).order_by("raw_id")
    return list(mine.values_list("state", flat=True))


def test_it_says_whose_it_is_and_the_person_s_tab_says_so_too(
    connected: Salesforce,
) -> None:
    identity, user_id = linked(connected)
    found = stuck()
    stream = USER.stream(user_id)
    assert (found.entity, found.subject) == (identity, stream)
    page = superuser().get(record_url(found))
    assert text(page, "person") == stream
    assert user_url(user_id) in page.content.decode()
    seer = staff(SEE).get(record_url(found))
    assert text(seer, "person") == stream
    assert user_url(user_id) not in seer.content.decode()
    tab = superuser().get(user_url(user_id) + "?tab=salesforce")
    told = text(tab, "record-refused") or ""
    assert told.startswith("Quarantined What it said last, received ")
    assert told.endswith(
        "could not be used: bad_email. Below is what it said before. Look at it"
    )
    assert f'href="{record_url(found)}"' in tab.content.decode()
    said = "email ada@example.com ada@example.com same Salesforce is right"
    assert text(tab, "said-email") == said
    connected.org.update(identity, Email="ada@king.example")
    run(Mode.INCREMENTAL)
    tab = superuser().get(user_url(user_id) + "?tab=salesforce")
    assert text(tab, "record-refused") is None
    assert states() == ["applied", "stale", "applied"]


def test_what_goes_back_to_what_it_said_before_leaves_the_quarantine(
    connected: Salesforce,
) -> None:
    identity, _user_id = linked(connected)
    connected.org.update(identity, Email="ada@example.com")
    assert run(Mode.INCREMENTAL).counts["changed"] == 0
    assert states() == ["applied", "stale"]


def test_the_page_offers_what_helps_and_it_does(
    connected: Salesforce, settings: LazySettings
) -> None:
    first = connected.org.create(LastName="A", Email="a@x.org", Status__c="Sleeping")
    second = connected.org.create(LastName="B", Email="b@x.org", Status__c="Sleeping")
    other = connected.org.create(LastName="C", Email="nonsense")
    run()
    client = superuser()
    mine = RecordMapping.objects.get(entity=first)
    page = client.get(record_url(mine))
    assert text(page, "reprocess-card") is None
    link = attribute(page, "fetch", "href")
    assert link == f"{START}?mode=record&ids={first}"
    settings.SALESFORCE = settings.SALESFORCE | {
        "STATUS_MAP": settings.SALESFORCE["STATUS_MAP"] | {"Sleeping": "suspended"}
    }
    groups = client.get(QUARANTINE)
    assert text(groups, "retry-group") is None
    body = groups.content.decode()
    assert f"{START}?mode=record&amp;quarantined=bad_email" in body
    link = f"{START}?mode=record&quarantined=unknown_status"
    assert link.replace("&", "&amp;") in body
    done = asked_for(client, link)
    assert (done.mode, done.counts["created"]) == (Mode.RECORD, 2)
    assert ours().keys() == {first, second}
    assert (stuck().entity, states().count("stale")) == (other, 2)


def asked_for(client: Client, link: str) -> SalesforceRun:
    """Follow *link* to the form, send it as it stands, and let the run end."""
    form = client.get(link).context["form"]
    wanted = {name: form[name].value() or "" for name in form.fields}
    answer = client.post(link, wanted)
    assert answer.status_code == 303
    return finish(SalesforceRun.objects.get(is_active=True))


def test_the_same_row_that_is_understood_later_is_applied_by_itself(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"EXTERNAL_ID_FIELD": "External_Id__c"}
    identity = connected.org.create(
        LastName="King", Email="king@example.com", External_Id__c=str(ADA)
    )
    run()
    assert (stuck().error, stuck().entity) == ("unknown_external_id", identity)
    known_user(ADA, email="ada@example.com")
    page = superuser().get(record_url(stuck()))
    done = asked_for(superuser(), attribute(page, "fetch", "href"))
    assert done.counts["changed"] == 1
    assert states() == ["applied"]
    assert RecordMapping.objects.get().subject == USER.stream(ADA)
    assert RecordMapping.objects.get().error == ""


def test_what_was_kept_without_a_name_gets_one_when_it_comes_again(
    connected: Salesforce,
) -> None:
    identity, user_id = linked(connected)
    RecordMapping.objects.filter(pk=stuck().pk).update(entity="", subject="")
    page = superuser().get(record_url(stuck()))
    assert "It names no record" in str(text(page, "fetch-card"))
    run(Mode.RECONCILE)
    assert (stuck().entity, stuck().subject) == (identity, USER.stream(user_id))


def test_of_an_erased_person_nothing_unusable_is_kept(connected: Salesforce) -> None:
    identity, user_id = linked(connected)
    erase = EraseUser(user_id=user_id, ground=ErasureGround.REQUEST)
    services.execute(erase, metadata())
    assert states() == ["applied", "erased"]
    assert RawRecord.objects.filter(body__isnull=False).count() == 0
    connected.org.update(identity, Email="other nonsense")
    done = run(Mode.INCREMENTAL)
    assert (done.counts["ignored"], done.counts["quarantined"]) == (1, 0)
    assert states() == ["applied", "erased"]


@pytest.mark.parametrize("odd", ["", "003", None, 7])
def test_a_row_without_a_proper_id_is_of_nobody(
    connected: Salesforce, odd: object
) -> None:
    connected.org.create(LastName="Odd", Email="odd@example.com", Id=odd)
    run()
    found = stuck()
    assert (found.entity, found.subject) == ("", "")
    page = superuser().get(record_url(found))
    assert text(page, "person") == "not known yet"
    assert text(page, "fetch") is None


def test_trying_again_is_refused_and_says_what_helps(connected: Salesforce) -> None:
    identity, _user_id = linked(connected)
    words = (
        "Records of salesforce are fetched, and no mapper reads them here. Have them"
        " fetched and read again: manage.py salesforce_sync --mode record --ids"
    )
    page = superuser().post(
        record_url(stuck(), "reprocess/"), {"reason": "again"}, follow=True
    )
    (message,) = page.context["messages"]
    assert str(message) == f"{words} {identity}"
    for arguments, ids in (
        ([], "…"),
        (["--record", str(stuck().record_id)], identity),
        (["--state", "quarantined"], "…"),
    ):
        with pytest.raises(CommandError) as caught:
            call_command(
                "ingest_reprocess", "salesforce", "--reason", "again", *arguments
            )
        assert (caught.value.returncode, str(caught.value)) == (1, f"{words} {ids}")
    assert store.read_stream("intake-salesforce") == []
    out = io.StringIO()
    call_command("salesforce_sync", "--mode=record", "--ids", identity, stdout=out)
    assert out.getvalue() == "record: 1 read, 1 quarantined\n"


def test_who_may_neither_start_nor_skip_is_offered_neither(
    connected: Salesforce,
) -> None:
    linked(connected)
    page: Any = staff(SEE, "eventstore.reprocess_rawrecord").get(record_url(stuck()))
    card = str(text(page, "fetch-card"))
    assert "Whoever may start runs can have it read." in card
    assert (text(page, "fetch"), text(page, "skip")) == (None, None)
    assert text(page, "reprocess") is None
    client = staff(SEE, SKIP)
    page = client.get(record_url(stuck()))
    assert text(page, "skip") == "Skip it"
    found = stuck()
    client.post(record_url(found, "skip/"), {"reason": "never mind"})
    assert states() == ["applied", "skipped"]
    tab = superuser().get(
        user_url(SalesforceLink.objects.get().user_id) + "?tab=salesforce"
    )
    assert text(tab, "record-refused") is None
    assert str(text(tab, "said-email")).startswith("email ada@example.com ")


@pytest.mark.usefixtures("connected")
def test_a_link_that_asks_for_nothing_proper_fills_in_nothing() -> None:
    client = superuser()
    for query in ("mode=nonsense&ids=x", "quarantined=bad_email", "mode=%00"):
        form = client.get(f"{START}?{query}").context["form"]
        assert not form["ids"].value()
    link = f"{START}?mode=record&quarantined=%00"
    assert client.get(link).context["form"]["ids"].value() == ""
