"""The door: what is let in, what is answered, and what is never kept."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client

from eventstore.intake import raw, registry, signatures, sources
from eventstore.intake.errors import UnverifiedError
from eventstore.intake.models import RawRecord
from tests.deliveries import (
    PLAIN_SECRET,
    github,
    hexed,
    post,
    standard,
    stripe,
)
from tests.intake import ADA, SECRET, crm, person, states, work
from tests.rest import problem

__all__ = ["crm"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("crm")]
DATA = Path(__file__).parents[1] / "data" / "intake"
BODY = json.dumps(ADA).encode()
OTHER = "whsec_" + base64.b64encode(b"another secret, also long").decode()
STRUCTURED = "application/cloudevents+json"
EVENT = {"specversion": "1.0", "id": "e-1", "source": "/hr", "type": "person"}


def set_up(settings: LazySettings, **source: Any) -> None:
    told = {"mapper": "people", "secrets": [PLAIN_SECRET]} | source
    settings.INGEST_SOURCES = {"crm": told}


def kept() -> list[bytes]:
    return [raw.opened(record) for record in RawRecord.objects.order_by("id")]


def refused(answer: Any, status: int, title: str) -> None:
    assert answer.status_code == status
    assert problem(answer)["title"] == title


def test_a_signed_delivery_is_kept_as_received_and_then_mapped() -> None:
    answer = post(BODY, standard(BODY))
    assert answer.status_code == 202
    record = RawRecord.objects.get()
    assert answer.json() == {"id": str(record.record_id), "duplicate": False}
    assert kept() == [BODY]
    assert person() is None
    work()
    found = person()
    assert found
    assert found.name == "Ada Byron"


def test_only_harmless_headers_are_kept() -> None:
    secrets = {"Authorization": "Bearer x", "Cookie": "a=b", "User-Agent": "hr/1\x7f"}
    headers = standard(BODY)
    post(BODY, headers | secrets)
    assert RawRecord.objects.get().headers == {
        "content-type": "application/json",
        "user-agent": "hr/1?",
        "webhook-id": "msg_1",
        "webhook-timestamp": headers["webhook-timestamp"],
    }


def test_a_delivery_sent_again_is_told_and_kept_once() -> None:
    first, again = (post(BODY, standard(BODY)).json() for _ in range(2))
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert first["id"] == again["id"]
    work()
    assert states() == ["applied"]


def test_a_known_id_with_other_content_is_a_conflict() -> None:
    post(BODY, standard(BODY))
    refused(post(b"{}", standard(b"{}")), 409, "Other content")
    assert kept() == [BODY]


@pytest.mark.parametrize("place", [0, 1])
def test_two_secrets_are_valid_while_they_are_rotated(
    settings: LazySettings, place: int
) -> None:
    set_up(settings, secrets=[SECRET, OTHER])
    headers = standard(BODY, secret=[SECRET, OTHER][place])
    assert post(BODY, headers).status_code == 202
    set_up(settings, secrets=[OTHER])
    answer = post(BODY, standard(BODY, key="msg_2", secret=SECRET))
    refused(answer, 401, "Not verified")


@pytest.mark.parametrize("off", [-299, 299])
def test_a_clock_may_be_off_a_little(off: int) -> None:
    headers = standard(BODY, at=time.time() + off)
    assert post(BODY, headers).status_code == 202


def hostile() -> list[dict[str, str]]:
    good, now = standard(BODY), int(time.time())
    signature = good["webhook-signature"]
    return [
        {},
        standard(BODY + b" "),
        standard(BODY, secret=OTHER),
        standard(BODY, at=now - 302),
        standard(BODY, at=now + 310),
        standard(BODY, at=10**11),
        *(
            good | {"webhook-signature": each}
            for each in (
                "",
                "garbage",
                "v1",
                "v1,",
                "v1,a,b",
                "v1,abcde",
                "v1,\xff\xfe",
                signature.replace("v1,", "v2,"),
                signature.replace("v1,", "v1a,"),
                signature[:-1],
                "v1,x " * 25 + signature,
            )
        ),
        *(
            good | {"webhook-timestamp": each}
            for each in (f" {now}", f"{now}.5", f"{now:_}", "", "-1", "١٢٣", "1" * 13)
        ),
        *(good | {"webhook-id": each} for each in ("", "a.b", "x" * 201, "a b")),
    ]


@pytest.mark.parametrize("number", range(len(hostile())))
def test_who_cannot_prove_it_learns_nothing_and_leaves_nothing(number: int) -> None:
    answer = post(BODY, hostile()[number])
    assert answer.status_code == 401
    assert problem(answer) == {
        "type": "urn:annals:problem:not-verified",
        "title": "Not verified",
        "status": 401,
        "detail": "This delivery does not prove that it comes from its source.",
    }
    assert RawRecord.objects.count() == 0


def test_the_vectors_of_standard_webhooks_verify() -> None:
    vectors = json.loads((DATA / "standard_webhooks.json").read_text("utf-8"))
    for each in vectors:
        told = sources.Source(
            name="x",
            style="standard",
            mapper="",
            secrets=(base64.b64decode(each["secret"].removeprefix("whsec_")),),
        )
        at = int(each["webhook-timestamp"])
        body = each["body"].encode()
        signatures.verify(told, each, body, now=at, tolerance=0)
        with pytest.raises(UnverifiedError):
            signatures.verify(told, each, body + b" ", now=at, tolerance=0)
    assert len(vectors) == 3


def test_github_signs_the_body_alone_so_the_content_decides(
    settings: LazySettings,
) -> None:
    set_up(settings, style="github")
    body = (DATA / "github.json").read_bytes()
    first = post(body, github(body) | {"X-GitHub-Delivery": "1"})
    again = post(body, github(body) | {"X-GitHub-Delivery": "2"})
    assert (first.json()["duplicate"], again.json()["duplicate"]) == (False, True)
    assert kept() == [body]
    for bad in (
        {"X-Hub-Signature-256": hexed(body)},
        {"X-Hub-Signature-256": f"sha1={hexed(body)}"},
        {"X-Hub-Signature-256": "sha256="},
        github(body, secret=PLAIN_SECRET + "x"),
    ):
        refused(post(body, bad), 401, "Not verified")


def test_stripe_signs_its_time_and_its_id_is_the_events(settings: LazySettings) -> None:
    set_up(settings, style="stripe")
    body = (DATA / "stripe.json").read_bytes()
    assert post(body, stripe(body)).json()["duplicate"] is False
    later = stripe(body, at=time.time() + 5)
    assert post(body, later).json()["duplicate"] is True
    assert RawRecord.objects.get().dedupe_key == json.loads(body)["id"]
    now = time.time()
    for bad in (
        stripe(body, at=now + 400),
        stripe(body, at=now - 400),
        {"Stripe-Signature": stripe(body)["Stripe-Signature"].replace("t=", "u=")},
        {"Stripe-Signature": "t=1,t=2,v1=x"},
        {"Stripe-Signature": ",,,="},
    ):
        refused(post(body, bad), 401, "Not verified")


def test_plain_hmac_as_the_source_writes_it(settings: LazySettings) -> None:
    set_up(settings, style="hmac", header="X-Sum", prefix="sha256=")
    assert post(BODY, {"X-Sum": f"sha256={hexed(BODY)}"}).status_code == 202
    refused(post(BODY, {"X-Sum": hexed(BODY)}), 401, "Not verified")
    set_up(settings, style="hmac", encoding="base64", timestamp_header="X-At")
    at = str(int(time.time()))
    signed = bytes.fromhex(hexed(f"{at}.".encode() + BODY))
    told = {"X-Signature": base64.b64encode(signed).decode(), "X-At": at}
    assert post(BODY, told).json()["duplicate"] is True
    refused(post(BODY, told | {"X-At": "1"}), 401, "Not verified")


def scenarios() -> list[tuple[dict[str, str], bytes]]:
    found = []
    feature = (DATA / "cloudevents.feature").read_text("utf-8")
    for part in feature.split('"""')[1::2]:
        if "POST" not in part:
            continue
        head, _blank, body = part.strip().partition("\n\n")
        pairs = [line.strip().partition(": ") for line in head.splitlines()[2:]]
        headers = {name.lower(): value for name, _colon, value in pairs}
        found.append((headers, body.encode()))
    return found


@pytest.mark.parametrize("parameters", ["", "; charset=utf-8"])
@pytest.mark.parametrize(("headers", "body"), scenarios())
def test_the_scenarios_of_cloudevents_are_read(
    settings: LazySettings, headers: dict[str, str], body: bytes, parameters: str
) -> None:
    set_up(settings, secrets=[SECRET], format="cloudevents")
    media_type = headers["content-type"].replace("<contentType>", "")
    media_type = (media_type or "application/json") + parameters
    is_structured = "specversion" in body.decode()
    content_type = STRUCTURED + parameters if is_structured else media_type
    attributes = {k: v for k, v in headers.items() if k.startswith("ce-")}
    answer = post(body, standard(body) | attributes, content_type=content_type)
    assert answer.status_code == 202
    record = RawRecord.objects.get()
    event = raw_event(record)
    assert (event.id, event.source) == ("1234-1234-1234", "/mycontext/subcontext")
    assert event.type == "com.example.someevent"
    assert event.time.isoformat() == "2018-04-05T03:56:24+00:00"
    assert event.data == {"message": "Hello World!"}
    assert record.kind == "cloudevent"


def raw_event(record: RawRecord) -> Any:
    return registry.seen(record, raw.opened(record)).cloud_event()


def test_a_batch_is_cut_into_its_events(settings: LazySettings) -> None:
    set_up(settings, secrets=[SECRET], format="cloudevents")
    people = [ADA, ADA | {"id": "2", "email": "b@example.com"}, ADA]
    events = [EVENT | {"id": f"e-{n % 2}", "data": p} for n, p in enumerate(people)]
    body = json.dumps(events, indent=1).encode()
    batch = "application/cloudevents-batch+json"
    answer = post(body, standard(body), content_type=batch)
    assert [each["duplicate"] for each in answer.json()["records"]] == [
        False,
        False,
        True,
    ]
    assert all(each in body for each in kept())
    work()
    assert states() == ["applied", "applied"]
    for bad in (b"[]", b"{}", b"[1,", b"[" + b"{}," * 500 + b"{}]", b"\xff"):
        answer = post(bad, standard(bad, key="m"), content_type=batch)
        refused(answer, 422, "Not understood")
    assert len(kept()) == 2


@pytest.mark.parametrize(
    "change",
    [{"id": ""}, {"id": 5}, {"specversion": "0.3"}, {"type": None}, {"time": "now"}],
)
def test_nothing_is_invented_for_a_cloudevent(
    settings: LazySettings, change: dict[str, Any]
) -> None:
    set_up(settings, secrets=[SECRET], format="cloudevents")
    body = json.dumps(EVENT | {"data": ADA} | change).encode()
    answer = post(body, standard(body), content_type=STRUCTURED)
    assert answer.status_code == 202
    work()
    assert states() == ["quarantined"]


def test_a_change_event_has_the_key_of_its_transaction(settings: LazySettings) -> None:
    set_up(settings, secrets=[SECRET], format="change_events")
    header = {"entityName": "Contact", "transactionKey": "t-1", "sequenceNumber": 2}
    body = json.dumps({"payload": {"ChangeEventHeader": header}}).encode()
    # The webhook's own id is signed, so it decides.
    assert post(body, standard(body)).status_code == 202
    set_up(settings, style="hmac", format="change_events")
    assert post(body, {"X-Signature": hexed(body)}).status_code == 202
    keys = RawRecord.objects.order_by("id").values_list("dedupe_key", flat=True)
    assert list(keys) == ["msg_1", "Contact:t-1:2"]
    assert {each.kind for each in RawRecord.objects.all()} == {"change_event"}


@pytest.mark.parametrize("body", [b"{", b"\x00", b"\xff\xfe", b"[" * 100_000, b""])
def test_what_is_signed_is_kept_whatever_it_is(body: bytes) -> None:
    assert post(body, standard(body)).status_code == 202
    work()
    assert (kept(), states()) == ([body], ["quarantined"])


def test_a_body_may_be_so_long_and_no_longer(settings: LazySettings) -> None:
    longest = b"x" * settings.INGEST_MAX_BYTES
    assert post(longest, standard(longest)).status_code == 202
    too_long = longest + b"x"
    refused(post(too_long, standard(too_long)), 413, "Body too large")
    assert RawRecord.objects.count() == 1


@pytest.mark.parametrize("name", ["none", "CRM", "%00", "a%2Fb", "x" * 300, "%ED%A0"])
def test_an_unknown_source_is_not_there(name: str) -> None:
    assert post(BODY, standard(BODY), source=name).status_code == 404


def test_a_source_that_is_disabled_or_has_no_secret_is_not_there(
    settings: LazySettings,
) -> None:
    changes: list[dict[str, Any]] = [{"enabled": False}, {"secrets": []}]
    for change in changes:
        set_up(settings, **{"secrets": [SECRET]} | change)
        refused(post(BODY, standard(BODY)), 404, "Not found")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options"])
def test_only_post_is_answered(method: str) -> None:
    answer = getattr(Client(), method)("/api/ingest/crm/")
    refused(answer, 405, "Method not allowed")
    assert answer["Allow"] == "POST"


def test_so_many_a_minute_from_one_address(settings: LazySettings) -> None:
    settings.INGEST_A_MINUTE = 2
    codes = [post(BODY, standard(BODY)).status_code for _ in range(3)]
    assert codes == [202, 202, 429]
    answer = post(BODY, standard(BODY))
    assert 0 < int(answer["Retry-After"]) <= 60
    assert post(BODY, {}, source="other").status_code == 404


@pytest.mark.parametrize("told", [[], {"CRM": {}}, {"crm": {"mapper": 1}}])
def test_settings_that_make_no_sense_keep_nothing(
    settings: LazySettings, told: Any
) -> None:
    settings.INGEST_SOURCES = told
    refused(post(BODY, standard(BODY)), 503, "Unavailable")
    assert not RawRecord.objects.exists()


@pytest.mark.usefixtures("superuser")
def test_a_database_that_does_not_keep_it_is_told_with_a_time_to_come_back() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION keep_raw_records_v1 RENAME TO gone")
    answer = post(BODY, standard(BODY))
    refused(answer, 503, "Unavailable")
    assert answer["Retry-After"] == "5"


def test_the_schema_describes_the_door_with_schemes_of_its_own() -> None:
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    schema = json.loads(Client().get("/api/schema", headers=accept).content)
    operation = schema["paths"]["/api/ingest/{source}/"]["post"]
    schemes = [name for each in operation["security"] for name in each]
    assert "token" not in schemes
    assert set(schemes) <= set(schema["components"]["securitySchemes"])
    assert {"202", "401", "409", "413", "422", "429", "503"} <= set(
        operation["responses"]
    )
