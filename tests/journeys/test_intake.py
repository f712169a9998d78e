"""Deliveries over real HTTP, and processes killed between the 202 and the mapping."""

from __future__ import annotations

import json
import socket
import threading
from http.client import HTTPConnection
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.db import connection

from eventstore import store
from eventstore.intake.models import RawRecord, RecordMapping
from tests.deliveries import basic, standard
from tests.intake import ADA, SECRET, person
from tests.journeys.cast import Cast
from tests.processes import wait_until
from tests.salesforce.outbound import ACK, LOGIN, SOURCE, message, notification
from users.sources.stating import stream_of

BODY = json.dumps(ADA).encode()
STREAM = stream_of("crm", "1")


@pytest.fixture
def door(cast: Cast, settings: LazySettings) -> Cast:
    crm = {"crm": {"mapper": "people", "secrets": [SECRET]}}
    settings.INGEST_SOURCES = crm
    cast.settings["INGEST_SOURCES"] = json.dumps(crm)
    cast.start_web()
    return cast


def send(cast: Cast, body: bytes = BODY, key: str = "msg_1") -> tuple[int, bytes]:
    talk = HTTPConnection("127.0.0.1", cast.port, timeout=20)
    headers = standard(body, key=key) | {"Host": "localhost"}
    talk.request("POST", "/api/ingest/crm/", body, headers)
    answer = talk.getresponse()
    told = answer.status, answer.read()
    talk.close()
    return told


def test_salesforce_is_acknowledged_over_http_once_its_message_is_durable(
    cast: Cast,
) -> None:
    cast.settings["INGEST_SOURCES"] = json.dumps(SOURCE)
    cast.start_web()
    body = message(*(notification(n, "003000000000001AAA") for n in range(100)))
    headers = basic(LOGIN) | {"Host": "localhost", "Content-Type": "text/xml"}
    for _ in range(2):
        talk = HTTPConnection("127.0.0.1", cast.port, timeout=20)
        talk.request("POST", "/api/ingest/sf/", body, headers)
        answer = talk.getresponse()
        assert (answer.status, answer.read()) == (200, ACK)
        talk.close()
    cast.kill("web")
    assert states() == ["pending"] * 100


def states() -> list[str]:
    return list(RecordMapping.objects.values_list("state", flat=True))


def test_what_was_accepted_is_mapped_whoever_is_killed(door: Cast) -> None:
    status, answer = send(door)
    assert status == 202
    door.kill("web")
    assert (states(), person()) == (["pending"], None)
    door.start_broker()
    door.start_worker()
    door.start_beat()
    wait_until(lambda: states() == ["applied"])
    door.kill("worker")
    (event,) = store.read_stream(STREAM)
    assert event.causation_id == UUID(json.loads(answer)["id"])
    door.start_web()
    assert json.loads(send(door)[1])["duplicate"] is True
    for number in range(20):
        body = json.dumps(ADA | {"name": f"Ada {number}"}).encode()
        assert send(door, body, key=f"name-{number}")[0] == 202
    door.start_worker()
    wait_until(lambda: states().count("applied") >= 5)
    door.kill("worker")
    door.start_worker()
    wait_until(lambda: states().count("applied") == 21)
    names = [event.data.get("new_name") for event in store.read_stream(STREAM)]
    assert names == [None, *(f"Ada {number}" for number in range(20))]


def test_one_delivery_ten_times_at_once_is_one_record_and_one_event(door: Cast) -> None:
    told: list[tuple[int, bytes]] = []
    start = threading.Barrier(10)

    def deliver() -> None:
        start.wait()
        told.append(send(door))
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = [json.loads(answer) for status, answer in told if status == 202]
    assert sorted(each["duplicate"] for each in answers) == [False] + [True] * 9
    assert len({each["id"] for each in answers}) == 1
    door.start_broker()
    door.start_worker()
    door.start_beat()
    wait_until(lambda: states() == ["applied"])
    assert len(store.read_stream(STREAM)) == RawRecord.objects.count() == 1


def test_a_body_that_is_cut_off_is_not_kept(door: Cast) -> None:
    headers = standard(BODY) | {"Host": "localhost", "Content-Length": "9000"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", door.port), timeout=20) as talk:
        talk.sendall(f"POST /api/ingest/crm/ HTTP/1.1\r\n{head}\r\n".encode() + BODY)
        talk.shutdown(socket.SHUT_WR)
        answer = talk.recv(65_536)
    assert answer.split(b" ")[1] == b"400"
    assert send(door, b"x" * 2_000_000)[0] == 413
    assert RawRecord.objects.count() == 0
