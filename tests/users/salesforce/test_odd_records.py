"""The scenarios A14 to A16 and A19: odd texts, odd ids, other objects, real files."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from django.conf import LazySettings

from eventstore.events import SALESFORCE
from eventstore.intake import raw
from eventstore.intake.models import RawRecord, RecordMapping
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import ours, run, users_changed
from users.models import SalesforceLink
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parents[2] / "salesforce" / "data"
ODD_NAMES = [
    "NULL",
    "N/A",
    '=HYPERLINK("http://example.com")',
    "<script>alert(1)</script>",
    "عبد الرحمن",  # written from right to left
    "O'Brien; DROP TABLE events--",
    "Ng\u0301",  # a character of two parts
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_a_name(connected: Salesforce, name: str) -> None:
    identity = connected.org.create(LastName=name, Email="odd@example.com")
    assert run().state == State.SUCCEEDED
    assert ours()[identity][0] == unicodedata.normalize("NFC", name)


def test_what_no_database_takes_is_taken_out_and_counted(
    connected: Salesforce,
) -> None:
    identity = connected.org.create(
        FirstName=" A\0da\t ", LastName="By\ud800ron", Email="odd@example.com"
    )
    done = run()
    assert (done.state, done.counts["repaired"]) == (State.SUCCEEDED, 2)
    assert ours()[identity][0] == "Ada By\ufffdron"
    assert run(Mode.RECONCILE).counts["changed"] == 0


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"LastName": "x" * 3_000}, "bad_name"),
        ({"LastName": " "}, "bad_name"),
        ({"LastName": "a\u202eb"}, "bad_name"),
        ({"Email": None}, "bad_email"),
        ({"Email": "nonsense"}, "bad_email"),
        ({"Status__c": "Sleeping"}, "unknown_status"),
    ],
)
def test_what_makes_no_sense_is_kept_and_told(
    connected: Salesforce, values: dict[str, object], code: str
) -> None:
    odd = connected.org.create(
        **{"LastName": "Odd", "Email": "odd@example.com"} | values
    )
    connected.org.create(LastName="Fine", Email="fine@example.com")
    done = run()
    assert (done.state, done.counts["quarantined"]) == (State.SUCCEEDED, 1)
    assert odd not in ours()
    mapping = RecordMapping.objects.get(state="quarantined")
    assert (mapping.source, mapping.error) == (SALESFORCE, code)
    kept = RawRecord.objects.get(record_id=mapping.record_id)
    assert json.loads(raw.opened(kept))["Id"] == odd
    run(Mode.RECONCILE)
    assert RawRecord.objects.count() == 2  # the same record is kept once


def test_each_version_of_a_record_is_kept_once(connected: Salesforce) -> None:
    identity = connected.org.seed(1)[0]
    run()
    run(Mode.RECONCILE)
    connected.org.update(identity, LastName="Other")
    run(Mode.INCREMENTAL)
    kept = RawRecord.objects.filter(source=SALESFORCE).order_by("id")
    assert [json.loads(raw.opened(each))["LastName"] for each in kept] == [
        "Dowsing",
        "Other",
    ]
    keys = [each.dedupe_key for each in kept]
    assert [event.metadata["raw"] for event in users_changed()] == keys
    assert {each.subject for each in RecordMapping.objects.all()} == {
        users_changed()[0].stream
    }


def test_no_value_is_kept_beside_the_log(connected: Salesforce) -> None:
    connected.org.create(LastName="Secretive", Email="secret@example.com")
    run()
    link = SalesforceLink.objects.get()
    assert sorted(link.said) == ["email", "name", "status"]
    assert "ecret" not in json.dumps(link.said)


def test_a_status_that_is_not_set_has_a_default(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"STATUS_MAP": {"": "suspended"}}
    identity = connected.org.create(LastName="Ng", Email="ng@example.com")
    run()
    assert ours()[identity][2] == "suspended"


def test_users_of_salesforce_become_users(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"SOBJECT": "User", "STATUS_FIELD": ""}
    here = connected.org.create("User", LastName="Here", Email="here@example.com")
    left = connected.org.create(
        "User", LastName="Left", Email="left@example.com", IsActive=False
    )
    assert run().state == State.SUCCEEDED
    assert [ours()[each][2] for each in (here, left)] == ["active", "deactivated"]
    connected.org.update(here, IsActive=False)
    assert run(Mode.INCREMENTAL).deactivated == 1
    assert ours()[here][2] == "deactivated"


def test_leads_become_users(connected: Salesforce, settings: LazySettings) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"SOBJECT": "Lead", "STATUS_FIELD": ""}
    lead = connected.org.create("Lead", LastName="Lead", Email="lead@example.com")
    connected.org.seed(1)
    assert run().state == State.SUCCEEDED
    assert ours() == {lead: ("Lead", "lead@example.com", "active")}


@pytest.mark.parametrize("threshold", [10_000, 5])
@pytest.mark.parametrize(
    ("name", "sobject", "people"),
    [
        ("easy-spaces_Contacts", "Contact", 12),
        ("easy-spaces_Leads", "Lead", 11),
        ("lwc-recipes_Contacts", "Contact", 6),
    ],
)
def test_people_of_public_orgs_become_users(
    connected: Salesforce,
    settings: LazySettings,
    name: str,
    sobject: str,
    people: int,
    threshold: int,
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {
        "SOBJECT": sobject,
        "BULK_THRESHOLD": threshold,
    }
    settings.SALESFORCE = settings.SALESFORCE | {"STATUS_FIELD": ""}
    records = json.loads((DATA / f"{name}.json").read_text("utf-8"))["records"]
    wanted = {}
    for each in records:
        values = {part: each[part] for part in ("FirstName", "LastName", "Email")}
        identity = connected.org.create(sobject, **values)
        full = f"{each['FirstName']} {each['LastName']}"
        wanted[identity] = (full, each["Email"], "active")
    done = run()
    assert (done.state, done.counts["created"]) == (State.SUCCEEDED, people)
    assert ours() == wanted
    assert connected.jobs.made == (threshold == 5)


def test_ids_that_differ_by_case_alone_are_two_people(connected: Salesforce) -> None:
    for number in (10, 36):  # the digits A and a
        name = f"No {number}"
        connected.org._numbers = number - 1  # noqa: SLF001 - the next id
        connected.org.create(LastName=name, Email=f"{number}@example.com")
    first, second = connected.org.tables["Contact"]
    assert first[:15].lower() == second[:15].lower()
    run()
    assert (ours()[first][0], ours()[second][0]) == ("No 10", "No 36")
