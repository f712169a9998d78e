"""After a repair only what comes out otherwise becomes an event."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from eventstore import store
from eventstore.errors import NoReasonError
from eventstore.intake import inbox, reprocessing, rereading, retention
from eventstore.intake.checks import sources_are_safe, sources_make_sense
from eventstore.intake.errors import (
    RecordStateError,
    UnknownRecordError,
    UnknownSourceError,
)
from eventstore.intake.models import RawRecord, RecordMapping
from eventstore.intake.registry import Reading, Record
from eventstore.intake.reprocessing import Outcome, Selection
from tests import intake
from tests.factories import known_user, metadata
from tests.intake import ADA, SECRET, crm, operator, person, receive, states, work
from tests.salesforce.outbound import SOURCE
from users import services
from users.aggregate import user_id_of
from users.commands import ChangeName
from users.sources import people
from users.sources.stating import stream_of

__all__ = ["crm"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("crm")]
STREAM = stream_of("crm", "1")
SALESFORCE = SOURCE["sf"]
PUBLIC = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
ALL = Selection(source="crm")


@pytest.fixture(autouse=True)
def somebody() -> Iterator[None]:
    with operator():
        yield


def shouting(record: Record) -> Reading:
    """Read names in capitals: the repaired mapper."""
    reading = people.read(record)
    name = reading.facts.get("name")
    facts = dict(reading.facts) | ({"name": name.upper()} if name else {})
    return replace(reading, facts=facts)


def types() -> list[str]:
    return [event.type for event in store.read_stream(STREAM)]


def name() -> str:
    found = person()
    assert found
    return found.name


def again(wanted: Selection = ALL, **options: Any) -> Outcome:
    return reprocessing.reprocess(wanted, reason="repaired", **options)


def test_without_a_repair_nothing_happens() -> None:
    receive(ADA)
    receive({"id": "1", "name": "Ada King"})
    receive(ADA)
    work()
    before = types()
    assert again() == Outcome(records=3, entities=1)
    assert types() == before


def test_a_repair_changes_what_it_repairs_and_goes_through_no_old_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive(ADA)
    last = receive({"id": "1", "name": "Ada King"})
    receive(ADA | {"id": "2", "email": "bob@example.com"})
    work()
    intake.repaired(monkeypatch, version=2, read=shouting)
    outcome = Outcome(records=3, entities=2, changed=2, events=2)
    assert again(is_dry=True) == outcome
    assert name() == "Ada King"
    assert again() == outcome
    assert again() == Outcome(records=3, entities=2)
    assert types() == ["UserCreated", "UserNameChanged", "UserNameChanged"]
    event = store.read_stream(STREAM)[-1]
    assert event.data == {"old_name": "Ada King", "new_name": "ADA KING"}
    assert (event.causation_id, event.metadata["mapper_version"]) == (last, 2)
    assert event.metadata["reprocessed"] is True
    assert set(RecordMapping.objects.values_list("mapper_version", flat=True)) == {2}


def test_many_that_say_nothing_new_are_read_at_once(
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(30):
        mail = f"ada.{number}@example.com"
        receive({"id": str(number), "name": "ADA", "email": mail})
    receive({"id": "1", "name": "Ada"})
    work()
    intake.repaired(monkeypatch, version=2, read=shouting)
    told: list[tuple[int, int]] = []
    with django_assert_max_num_queries(60):
        outcome = again(tell=lambda done, many: told.append((done, many)))
    assert outcome == Outcome(records=31, entities=30, changed=1, events=1)
    assert told == [(done, 30) for done in range(1, 31)]
    assert set(RecordMapping.objects.values_list("mapper_version", flat=True)) == {2}
    assert again(Selection(source="crm", older_than=2)) == Outcome()


def test_where_bodies_are_large_they_are_read_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive(ADA)
    receive(ADA | {"id": "2", "email": "bob@example.com"})
    work()
    monkeypatch.setattr(rereading, "MOST_BYTES", 10)
    assert rereading.unchanged("crm", ["1", "2"], people.PEOPLE) == set()
    assert again() == Outcome(records=2, entities=2)


def test_what_somebody_changed_since_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive(ADA)
    work()
    command = ChangeName(user_id=user_id_of(STREAM), name="Ada Lovelace")
    services.execute(command, metadata())
    intake.repaired(monkeypatch, version=2, read=shouting)
    assert again().events == 0
    assert name() == "Ada Lovelace"


def test_what_was_stuck_is_tried_again_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive(ADA | {"status": "ACTIVE"})
    receive({"id": "1", "name": "Ada King"})
    work()
    assert states() == ["quarantined", "waiting"]

    def lower(record: Record) -> Reading:
        reading = people.read(record)
        facts = {k: v.lower() if k == "status" else v for k, v in reading.facts.items()}
        return replace(reading, facts=facts)

    intake.repaired(monkeypatch, version=2, read=lower)
    assert again() == Outcome(records=1, retried=1)
    work()
    assert states() == ["applied", "applied"]
    assert name() == "Ada King"


def test_a_mapper_that_fails_now_leaves_everything_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive(ADA)
    receive(ADA | {"id": "2", "email": "bob@example.com"})
    work()

    def half(record: Record) -> Reading:
        if people.entity(record) == "1":
            raise KeyError
        return shouting(record)

    intake.repaired(monkeypatch, version=2, read=half)
    assert again() == Outcome(records=2, entities=2, changed=1, failed=1, events=1)
    assert name() == "Ada Byron"


def test_an_erased_person_is_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    receive(ADA)
    work()
    intake.erase()
    intake.repaired(monkeypatch, version=2, read=shouting)
    assert again().events == 0
    assert types() == ["UserCreated", "UserErased"]


def test_a_record_that_is_skipped_lets_the_next_go() -> None:
    known_user(email="ada@example.com")
    first = receive(ADA)
    receive({"id": "1", "name": "Ada", "email": "ada@king.example"})
    work()
    assert states() == ["failing", "waiting"]
    with pytest.raises(NoReasonError):
        reprocessing.skip(first, reason=" ")
    reprocessing.skip(first, reason="a double")
    work()
    assert states() == ["skipped", "applied"]
    with pytest.raises(RecordStateError):
        reprocessing.skip(first, reason="once more")
    with pytest.raises(UnknownRecordError):
        reprocessing.skip(uuid4(), reason="never was")
    assert again().records == 1
    (fact,) = [e for e in store.read_stream("intake-crm") if e.type == "RecordSkipped"]
    assert (fact.actor, fact.data["record"]) == ("staff:ada", str(first))
    assert fact.data["reason"] == "a double"


def test_every_act_has_a_reason_and_is_an_event() -> None:
    receive(ADA)
    work()
    with pytest.raises(NoReasonError):
        reprocessing.reprocess(ALL, reason=" ")
    with pytest.raises(UnknownSourceError):
        again(Selection(source="none"))
    with pytest.raises(UnknownRecordError):
        again(Selection(source="crm", records=(uuid4(),)))
    again()
    (event,) = store.read_stream("intake-crm")
    assert event.actor == "staff:ada"
    assert event.data == {
        "source": "crm",
        "records": "1 record",
        "mapper_version": 1,
        "reason": "repaired",
    }


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    out, code = io.StringIO(), 0
    told = ["crm", "--reason", "repaired", "--json", *arguments]
    try:
        call_command("ingest_reprocess", *told, stdout=out)
    except SystemExit as left:
        code = int(str(left.code))
    facts: dict[str, Any] = json.loads(out.getvalue())
    return code, facts


def test_the_command_says_what_it_did_and_ends_with_1_when_something_is_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive(ADA)
    stuck = receive({"id": "2", "status": "odd"})
    work()
    intake.repaired(monkeypatch, version=2, read=shouting)
    code, facts = run("--older-than", "2", "--dry-run")
    assert (code, facts["changed"], facts["dry_run"]) == (0, 1, True)
    code, facts = run("--older-than", "2")
    assert (code, facts["events"], facts["retried"], facts["stuck"]) == (1, 1, 1, 1)
    reprocessing.skip(stuck, reason="gone")
    assert run("--state", "applied")[0] == 0
    assert run("--since", "2126-01-01T00:00:00Z") == (
        0,
        {
            "records": 0,
            "retried": 0,
            "entities": 0,
            "changed": 0,
            "failed": 0,
            "events": 0,
            "stuck": 0,
            "dry_run": False,
        },
    )
    with pytest.raises(CommandError) as unknown:
        run("--state", "nonsense")
    assert str(unknown.value).endswith(
        "(choose from 'failing', 'quarantined', 'ignored', 'skipped', 'applied',"
        " 'unchanged', 'stale')"
    )
    with pytest.raises(CommandError) as refused:
        run("--record", str(uuid4()))
    assert refused.value.returncode == 1


def test_bodies_are_kept_so_many_days(settings: LazySettings) -> None:
    receive(ADA)
    settings.INGEST_RETENTION_DAYS = 1
    assert retention.expire() == 0
    settings.INGEST_RETENTION_DAYS = 0
    assert retention.expire() == 0
    assert [each.body is None for each in RawRecord.objects.all()] == [False]


def test_the_inbox_finds_a_record_by_what_is_known_of_it() -> None:
    first = receive(ADA, key="m-1")
    receive(ADA | {"id": "2", "status": "odd", "email": "b@example.com"}, key="m-2")
    work()

    def found(**wanted: Any) -> list[UUID]:
        entries = inbox.listed(inbox.Wanted(**wanted))
        return [each.record.record_id for each in entries]

    assert len(found()) == 2
    for text in (str(first), "1", "m-1"):
        assert found(text=text) == [first]
    assert found(text="nothing\0of\ud800this") == []
    assert found(state="applied") == [first]
    assert found(source="hr") == []
    assert found(until=timezone.now() - timedelta(days=1)) == []
    (group,) = inbox.groups()
    assert (group.error, group.records, group.parked) == ("unknown_status", 1, 1)
    assert len(found(group=group.fingerprint)) == 1
    assert inbox.of_group(group.fingerprint) == tuple(found(state="quarantined"))
    assert json.loads(inbox.reveal(first)) == ADA
    (event,) = store.read_stream("intake-crm")
    assert (event.type, event.data["record"]) == ("RecordRevealed", str(first))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"mapper": "none"}, ["eventstore.E011"]),
        ({"style": "odd"}, ["eventstore.E010"]),
        ({"secrets": ["short"]}, ["eventstore.E010"]),
        ({"secrets": ["whsec_not base64!"]}, ["eventstore.E010"]),
        ({"secret": "x"}, ["eventstore.E010"]),
        ({"secrets": []}, ["eventstore.E012"]),
        ({"secrets": [], "enabled": False}, []),
        ({"secrets": [SECRET] * 3}, ["eventstore.W012"]),
        ({"style": "hmac"}, ["eventstore.W013"]),
        ({"secrets": [PUBLIC]}, []),
        ({"secrets": [PUBLIC, PUBLIC, SECRET]}, ["eventstore.W012"]),
        ({"secrets": [PUBLIC[:-4]]}, ["eventstore.E010"]),
        ({"secrets": ["whpk_not base64!"]}, ["eventstore.E010"]),
        ({"secrets": [PUBLIC.replace("whpk_", "whsk_")]}, ["eventstore.E010"]),
        ({"secrets": [PUBLIC], "style": "github"}, ["eventstore.E010"]),
        (SALESFORCE, []),
        (SALESFORCE | {"org_id": ""}, ["eventstore.E015"]),
        (SALESFORCE | {"org_id": "003000000000001AAA"}, ["eventstore.E010"]),
        (SALESFORCE | {"secrets": ["annals:short"]}, ["eventstore.E010"]),
        (SALESFORCE | {"secrets": [":a-password-without-name"]}, ["eventstore.E010"]),
        (SALESFORCE | {"secrets": ["a:must be in an address"]}, ["eventstore.E010"]),
        (SALESFORCE | {"format": "cloudevents"}, ["eventstore.E010"]),
    ],
)
def test_unsafe_sources_are_refused(
    settings: LazySettings, change: dict[str, Any], expected: list[str]
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.INGEST_A_MINUTE = 600
    crm = {"mapper": "people", "secrets": [SECRET]} | change
    settings.INGEST_SOURCES = {"crm": crm}
    found = [*sources_make_sense(), *sources_are_safe()]
    assert [each.id for each in found] == expected
    assert not any(secret in str(found) for secret in crm["secrets"])


def test_an_unsafe_installation_is_refused(settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = False
    settings.INGEST_TOLERANCE_SECONDS = 86_400
    settings.INGEST_A_MINUTE = 0
    assert [each.id for each in sources_are_safe()] == [
        "eventstore.E013",
        "eventstore.E014",
        "eventstore.W014",
    ]
    settings.INGEST_SOURCES = {}
    assert sources_are_safe() == []


def test_one_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    receive(ADA)
    receive({"id": "2", "status": "odd"})
    work()
    intake.repaired(monkeypatch, version=2, read=shouting)
    out = io.StringIO()
    told = ["crm", "--reason", "repaired", "--state", "applied"]
    with pytest.raises(SystemExit):
        call_command("ingest_reprocess", *told, stdout=out)
    assert out.getvalue() == (
        "1 record: 0 tried again, 1 entity read again, 1 of them different, 1 event,"
        " 0 failed.\n1 record of crm is stuck.\n"
    )
