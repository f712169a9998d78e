"""Change events of Salesforce, posted by whatever relays them, are hints."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from django.conf import LazySettings

from eventstore.intake import raw
from eventstore.intake.models import RawRecord, RecordMapping
from tests.deliveries import PLAIN_SECRET, github, post, standard
from tests.intake import SECRET, work
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, ours, run, truth, users_changed
from tests.users.salesforce.hinting import hinted
from users.sources.salesforce import hints

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("relayed")]


@pytest.fixture
def relayed(connected: Salesforce, settings: LazySettings) -> Salesforce:
    """Let a relay post change events."""
    told = {"style": "standard", "format": "change_events", "secrets": [SECRET]}
    settings.INGEST_SOURCES = {"relay": told | {"mapper": "salesforce_hints"}}
    settings.INGEST_A_MINUTE = 0
    return connected


def change(number: int, *records: Any, **header: Any) -> dict[str, Any]:
    told = {
        "entityName": "Contact",
        "recordIds": list(records),
        "changeType": "UPDATE",
        "changedFields": ["LastName"],
        "transactionKey": "0001a2b3-0000",
        "sequenceNumber": number,
    }
    return {
        "schema": "x",
        "payload": {"ChangeEventHeader": told | header, "LastName": "Forged"},
        "event": {"replayId": number},
    }


def relay(value: Any, delivery: str = "") -> int:
    body = json.dumps(value).encode()
    number = delivery or f"msg_{random.getrandbits(40)}"
    status: int = post(body, standard(body, key=number), source="relay").status_code
    return status


def states() -> list[tuple[str, str]]:
    found = RecordMapping.objects.filter(source="relay").order_by("raw_id")
    return list(found.values_list("state", "error"))


def test_a_change_event_leads_to_a_run_over_its_records(connected: Salesforce) -> None:
    ids = connected.org.seed(5)
    run()
    for identity in ids[:3]:
        connected.org.update(identity, LastName="Lovelace")
    assert relay(change(1, ids[0])) == 202
    assert relay(change(2, ids[1], ids[2])) == 202
    work()
    assert (states(), hinted()) == ([("applied", "")] * 3, sorted(ids[:3]))
    started = hints.start_run()
    assert started
    assert finish(started).counts["changed"] == 3
    assert ours() == truth(connected)


def test_an_event_of_several_records_is_kept_as_one_of_each(
    connected: Salesforce,
) -> None:
    ids = connected.org.seed(2)
    for _ in range(2):  # the relay sends it again
        assert relay(change(1, *ids), "msg_1") == 202
    kept = RawRecord.objects.order_by("id")
    assert [each.kind for each in kept] == [raw.CHANGE_EVENT] * 2
    keys = [each.dedupe_key for each in kept]
    assert keys == [f"msg_1 {identity}" for identity in ids]


def test_events_that_come_shuffled_and_doubled_lead_to_the_truth(
    connected: Salesforce,
) -> None:
    ids = connected.org.seed(6)
    run()
    for number, identity in enumerate(ids):
        connected.org.update(identity, LastName=f"Newest {number}")
    told = [(2 * n + again, each) for n, each in enumerate(ids) for again in (0, 0, 1)]
    random.Random(5).shuffle(told)  # noqa: S311 - not for secrets
    for number, identity in told:
        relay(change(number, identity), f"msg_{number}")
    work()
    before = len(users_changed())
    started = hints.start_run()
    assert started
    assert finish(started).counts["changed"] == 6
    assert (ours(), len(users_changed()) - before) == (truth(connected), 6)


@pytest.mark.parametrize(
    ("value", "state", "error"),
    [
        (change(1, "003*"), "quarantined", "overflow"),
        (change(1, "000000000000000AAA"), "quarantined", "overflow"),
        (change(1, "000000000000000"), "quarantined", "overflow"),
        (
            change(1, "003000000000001AAA", changeType="GAP_OVERFLOW"),
            "quarantined",
            "overflow",
        ),
        (change(1, "001*", entityName="Account"), "ignored", ""),
        (change(1, "x", transactionKey=""), "quarantined", "no_change_event"),
        (change(1, "x", transactionKey="\0"), "quarantined", "no_change_event"),
        (change(1, "x", sequenceNumber=True), "quarantined", "no_change_event"),
        (change(1, None), "quarantined", "bad_id"),
        (change(1, "nobody"), "quarantined", "bad_id"),
        (change(1), "quarantined", "no_change_event"),
        (change(1, "x", transactionKey=None), "quarantined", "no_change_event"),
        (change(1, "x", sequenceNumber="1"), "quarantined", "no_change_event"),
        ({"payload": []}, "quarantined", "no_change_event"),
        ([], "quarantined", "no_change_event"),
        (change(1, "003000000000001AAA", entityName="Case"), "ignored", ""),
    ],
)
def test_what_names_no_record_of_ours_reads_nothing(
    value: Any, state: str, error: str
) -> None:
    assert relay(value) == 202
    work()
    assert (states(), hinted()) == ([(state, error)], [])


def test_more_records_than_an_event_may_name_are_refused_whole() -> None:
    many = [f"003{number:012}AAA" for number in range(501)]
    assert relay(change(1, *many)) == 422
    assert not RawRecord.objects.exists()


def test_an_event_too_long_for_its_records_is_refused_whole() -> None:
    many = [f"003{number:012}AAA" for number in range(500)]
    assert relay(change(1, *many) | {"x": "y" * 40_000}) == 422
    assert not RawRecord.objects.exists()


@pytest.mark.parametrize("kind", ["GAP_UPDATE", "GAP_DELETE", "CREATE", "UNDELETE"])
def test_an_event_that_lost_its_fields_names_its_record(kind: str) -> None:
    known = "003000000000001AAA"
    told = change(1, known[:15], changeType=kind, changedFields=[], nulledFields=["*"])
    assert relay(told) == 202
    work()
    assert (states(), hinted()) == ([("applied", "")], [known])


def test_hostile_values_beside_the_header_harm_nobody() -> None:
    ids = ["003000000000001AAA", "003000000000002AAA"]
    told = change(1, *ids)
    told["payload"] |= {"LastName": "\ud83d\0", "Count__c": 2**200, "x": [[[]]]}
    assert relay(told) == 202
    work()
    assert (states(), hinted()) == ([("applied", "")] * 2, ids)


def test_records_of_what_is_no_event_are_not_taken_for_others(
    settings: LazySettings,
) -> None:
    told = {"style": "github", "format": "change_events", "secrets": [PLAIN_SECRET]}
    settings.INGEST_SOURCES = {"relay": told | {"mapper": "salesforce_hints"}}
    hostile: list[Any] = ["003000000000001AAA", "\0", "\ud83d", None, {"a": 2**200}]
    for number in (1, 2):
        body = json.dumps(change(number, *hostile, transactionKey=None)).encode()
        assert post(body, github(body), source="relay").status_code == 202
    work()
    assert states() == [("quarantined", "no_change_event")] * 2


def test_ids_of_an_event_that_no_text_can_hold_are_quarantined() -> None:
    known = "003000000000001AAA"
    hostile: list[Any] = [known, "\0", "\ud83d", None, {"a": 2**200}]
    assert relay(change(1, *hostile)) == 202
    work()
    assert min(states()) == ("applied", "")
    assert {error for _, error in states()} == {"", "bad_id"}
    assert hinted() == [known]
