"""Outbound messages of Salesforce at the door: SOAP in, an acknowledgement out."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from django.conf import LazySettings
from django.db import connection
from django.test import Client

from eventstore.intake import outbound, raw
from eventstore.intake.errors import MapperError
from eventstore.intake.models import RawRecord
from tests.deliveries import post
from tests.salesforce.outbound import (
    ACK,
    LOGIN,
    ORG,
    SESSION,
    SOAP,
    SOURCE,
    deliver,
    message,
    notification,
)

pytestmark = pytest.mark.django_db
RECORD = "003000000000001AAA"
ONE = message(notification(1, RECORD))
FAULT = f"{{{SOAP}}}Body/{{{SOAP}}}Fault"


@pytest.fixture(autouse=True)
def source(settings: LazySettings) -> None:
    settings.INGEST_SOURCES = SOURCE
    settings.INGEST_A_MINUTE = 0


def kept() -> list[bytes]:
    return [raw.opened(record) for record in RawRecord.objects.order_by("id")]


def fault(answer: Any) -> tuple[str, str]:
    """Return code and text of a SOAP fault."""
    assert answer["Content-Type"] == "text/xml; charset=utf-8"
    found = fromstring(answer.content).find(FAULT)
    return found.findtext("faultcode"), found.findtext("faultstring")


def test_a_message_is_kept_notification_by_notification_then_acknowledged() -> None:
    body = message(*(notification(n, RECORD, email=f"ü{n}@x.org") for n in range(3)))
    answer = deliver(body)
    assert (answer.status_code, answer.content) == (200, ACK)
    assert answer["Content-Type"] == "text/xml; charset=utf-8"
    alone = [
        message(notification(n, RECORD, email=f"ü{n}@x.org")).replace(
            f"<SessionId>{SESSION}</SessionId>".encode(), b""
        )
        for n in range(3)
    ]
    assert [each.split() for each in kept()] == [each.split() for each in alone]
    record = RawRecord.objects.order_by("id")[0]
    assert (record.kind, record.dedupe_key) == ("outbound", "04l000000000000")
    assert record.verified_by == "salesforce"
    assert set(record.headers) == {"content-type"}


@pytest.mark.parametrize("session", ["", SESSION, f"<x/>{SESSION}", f"{SESSION}/>"])
def test_a_session_id_is_never_kept(session: str) -> None:
    assert deliver(message(notification(1, RECORD), session=session)).content == ACK
    (body,) = kept()
    assert SESSION.encode() not in body
    assert outbound.read(body).notifications[0].record == RECORD


def test_a_notification_sent_again_is_acknowledged_and_kept_once() -> None:
    both = message(notification(1, RECORD), notification(2, RECORD))
    newer = message(notification(2, RECORD, email="new@x.org"), notification(1, RECORD))
    assert [deliver(each).content for each in (ONE, ONE, both, newer)] == [ACK] * 4
    assert len(kept()) == 2
    assert all(b"new@x.org" not in each for each in kept())


def test_a_hundred_notifications_are_taken_and_one_more_is_refused() -> None:
    hundred = [notification(n, RECORD) for n in range(100)]
    answer = deliver(message(*hundred, notification(100, RECORD)))
    assert answer.status_code == 422
    text = "The delivery was refused whole: too_many_notifications."
    assert fault(answer) == ("soapenv:Client", text)
    assert kept() == []
    assert deliver(message(*hundred)).content == ACK
    assert len(kept()) == 100


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<x>&b;</x>"
)
OUTSIDE = b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'
TYPE = b'xsi:type="sf:Contact"'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b" ", "not_xml"),
        (b"{}", "not_xml"),
        (ONE[:-20], "not_xml"),
        (ONE.replace(b"ada@", b"\xff@"), "not_utf8"),
        (ONE.replace(b"ada@", b"&unknown;"), "not_xml"),
        (ONE.decode().encode("utf-16"), "not_utf8"),
        (ONE.decode().encode("utf-16-le"), "not_xml"),
        (BOMB, "not_xml"),
        (OUTSIDE, "not_xml"),
        (ONE.replace(b"<soapenv:Env", b"<!DOCTYPE x><soapenv:Env", 1), "not_xml"),
        (b"<a>" * 100_000, "too_deep"),
        (b"<a/>", "not_an_outbound_message"),
        (message(), "not_an_outbound_message"),
        (ONE.replace(b"2005/09", b"2004/09"), "not_an_outbound_message"),
        (ONE.replace(b"soap/envelope", b"soap12"), "not_an_outbound_message"),
        (ONE.replace(b"urn:sobject.ent", b"urn:x"), "not_an_outbound_message"),
        (ONE.replace(TYPE, b""), "not_an_outbound_message"),
        (ONE.replace(b"04l", b"04-"), "not_an_outbound_message"),
        (ONE.replace(RECORD.encode(), b"\xc3\xa9" * 9), "not_an_outbound_message"),
        (ONE.replace(b"<Id>", b"<Id/><Id>"), "not_an_outbound_message"),
        (message(notification(1, RECORD), org=""), "not_an_outbound_message"),
        (ONE.replace(b"<ActionId>", b"<ActionId>" + b"x" * 20_000), "too_much_around"),
    ],
    ids=str,
)
def test_what_is_no_message_is_refused_whole(body: bytes, code: str) -> None:
    answer = deliver(body)
    assert answer.status_code == 422
    text = f"The delivery was refused whole: {code}."
    assert fault(answer) == ("soapenv:Client", text)
    assert kept() == []


def test_a_huge_message_is_refused_and_a_large_one_read(settings: LazySettings) -> None:
    most = settings.INGEST_MAX_BYTES
    large = message(notification(1, RECORD, email="<x/>" * ((most - 2_000) // 4)))
    assert deliver(large).content == ACK
    answer = deliver(large + b" " * most)
    assert (answer.status_code, fault(answer)[0]) == (413, "soapenv:Client")


NAME, PASSWORD = LOGIN.split(":")


@pytest.mark.parametrize(
    "login",
    [
        *("", ":", NAME, LOGIN[:-1], f"{LOGIN}x", f"x{LOGIN}", f"{PASSWORD}:{NAME}"),
        *(f"{NAME.upper()}:{PASSWORD}", f"{LOGIN}\0", f"{LOGIN}\n", f"ü:{PASSWORD}"),
    ],
)
def test_who_does_not_know_the_password_is_told_nothing(login: str) -> None:
    answer = deliver(ONE, login=login)
    assert answer.status_code == 401
    text = "This delivery does not prove that it comes from its source."
    assert fault(answer) == ("soapenv:Client", text)
    assert answer["WWW-Authenticate"] == 'Basic realm="annals", charset="UTF-8"'
    assert kept() == []


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic =", f"Basic {LOGIN}", "Bearer {}", "Basic {}{}", "{}"],
)
def test_a_malformed_header_is_as_good_as_none(header: str) -> None:
    good = base64.b64encode(LOGIN.encode()).decode()
    told = {"Authorization": header.format(good, good)}
    assert post(ONE, told, source="sf", content_type="text/xml").status_code == 401


def test_hostile_xml_is_not_read_before_it_is_verified() -> None:
    assert deliver(BOMB, login="").status_code == 401


def test_another_org_is_refused_even_with_the_password() -> None:
    text = "This delivery does not prove that it comes from its source."
    for org in ("00D000000000002EAA", ORG.lower(), "00Q000000000001EAA"):
        answer = deliver(message(notification(1, RECORD), org=org))
        assert answer.status_code == 401
        assert fault(answer) == ("soapenv:Client", text)
    assert deliver(message(notification(1, RECORD), org=ORG[:15])).content == ACK


def test_two_passwords_are_valid_while_they_are_rotated(settings: LazySettings) -> None:
    other = "annals:another.password-long"
    settings.INGEST_SOURCES = {"sf": SOURCE["sf"] | {"secrets": [LOGIN, other]}}
    assert [deliver(ONE, login=each).content for each in (LOGIN, other)] == [ACK] * 2


def test_without_an_org_nothing_is_let_in(settings: LazySettings) -> None:
    settings.INGEST_SOURCES = {"sf": SOURCE["sf"] | {"org_id": ""}}
    answer = deliver(ONE)
    text = "There is nothing at this address."
    assert (answer.status_code, fault(answer)) == (404, ("soapenv:Client", text))


@pytest.mark.usefixtures("superuser")
def test_what_cannot_be_kept_is_not_acknowledged() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION keep_raw_records_v1 RENAME TO gone")
    answer = deliver(ONE)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    text = "This cannot be kept now. Send it again."
    assert fault(answer) == ("soapenv:Server", text)


def test_too_many_and_settings_that_make_no_sense_are_faults(
    settings: LazySettings,
) -> None:
    settings.INGEST_A_MINUTE = 1
    assert [deliver(ONE).status_code for _ in range(2)] == [200, 429]
    assert fault(deliver(ONE))[0] == "soapenv:Server"
    settings.INGEST_A_MINUTE = 0
    settings.INGEST_SOURCES = {"sf": SOURCE["sf"] | {"format": "cloudevents"}}
    answer = deliver(ONE)
    assert (answer.status_code, fault(answer)[0]) == (503, "soapenv:Server")


def test_a_fault_escapes_what_it_says() -> None:
    told = outbound.fault('<a> & "b"', is_ours=False)
    assert fromstring(told).find(FAULT).findtext("faultstring") == '<a> & "b"'


def test_what_was_kept_can_be_read_again() -> None:
    deliver(message(notification(7, RECORD), notification(8, RECORD)))
    told = [outbound.read(body).notifications for body in kept()]
    assert [[each.id for each in one] for one in told] == [
        ["04l000000000007"],
        ["04l000000000008"],
    ]
    with pytest.raises(MapperError):
        outbound.read(b"")


def test_the_schema_tells_of_soap() -> None:
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    schema = Client().get("/api/schema", headers=accept).json()
    operation = schema["paths"]["/api/ingest/{source}/"]["post"]
    assert "text/xml" in operation["description"]
    assert list(operation["responses"]["200"]["content"]) == ["text/xml"]
    scheme = schema["components"]["securitySchemes"]["salesforceBasic"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "basic")
