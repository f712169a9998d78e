from __future__ import annotations

import logging
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.salesforce.__main__ import exports
from tests.salesforce.answers import Salesforce
from tests.salesforce.faults import Call, Fault
from tests.salesforce.here import told
from users.sources.salesforce import login, soql
from users.sources.salesforce.client import Client
from users.sources.salesforce.errors import (
    LimitReachedError,
    LoginError,
    RefusedError,
    SalesforceError,
    UnavailableError,
    UnsafeAddressError,
)

ALL = soql.select(["Id", "LastName"], "Contact", order=["Id"], limit=2000)
EVERY_CALL = [Call.TOKEN, Call.QUERY, Call.MORE, Call.DESCRIBE, Call.UPDATED]
PASSING = [
    *(Fault.HANG, Fault.DRIP, Fault.RESET, Fault.TRUNCATE, Fault.HTML),
    *(Fault.BAD_JSON, Fault.UNAVAILABLE, Fault.TOO_MANY),
]


def names(client: Client, query: str = ALL) -> list[str]:
    return [row["LastName"] for row in client.query(query)]


def read_everything(client: Client, org: Salesforce) -> tuple[Any, ...]:
    now = org.org.now()
    return (
        names(client),
        "Email" in client.fields("Contact"),
        client.covered("Contact", now - timedelta(hours=1), now),
    )


def test_reads_the_sample_contacts(org: Salesforce) -> None:
    org.org.seed()
    with Client(told(org)) as client:
        assert len(names(client)) == 156
        assert client.org_id == "00D000000000001EAA"
        assert (client.budget.calls, client.budget.used) == (1, 1)
        assert client.server_time is not None


def test_follows_a_page_to_its_end(org: Salesforce) -> None:
    org.org.fill(25)
    org.page_size = 10
    with Client(told(org)) as client:
        assert names(client) == [f"No {number}" for number in range(25)]
        assert client.budget.calls == 3


def test_signs_an_assertion(org: Salesforce, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    org.door.public_key = key.public_key()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    with Client(told(org, auth="jwt", private_key=pem)) as client:
        assert names(client) == []
    login.forget()
    file = tmp_path / "salesforce.key"
    in_file = told(org, auth="jwt", private_key_file=str(file))
    with Client(in_file) as client, pytest.raises(LoginError, match="cannot be read"):
        names(client)
    file.write_text(pem)
    with Client(in_file) as client:
        assert names(client) == []
    login.forget()
    with (
        pytest.raises(LoginError, match="invalid_grant"),
        Client(told(org, auth="jwt", private_key=pem, username="other")) as client,
    ):
        names(client)


@pytest.mark.parametrize("pem", ["", "-----BEGIN NONSENSE-----"])
def test_a_key_that_is_none_is_refused(org: Salesforce, pem: str) -> None:
    with (
        pytest.raises(LoginError, match="no RSA key"),
        Client(told(org, auth="jwt", private_key=pem)) as client,
    ):
        names(client)
    assert org.asked == []


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("call", EVERY_CALL)
def test_a_passing_fault_is_outlived(org: Salesforce, call: Call, fault: Fault) -> None:
    org.org.fill(3)
    org.page_size = 2
    org.faults.plan(call, fault)
    with Client(told(org)) as client:
        read = read_everything(client, org)
    assert read[:2] == (["No 0", "No 1", "No 2"], True)
    assert read[2] is not None
    assert org.faults.seen == [(call, fault)]


@pytest.mark.parametrize("fault", [Fault.SHORT, Fault.DUPLICATE])
@pytest.mark.parametrize("call", [Call.QUERY, Call.MORE])
def test_a_page_of_the_wrong_length_is_read_again(
    org: Salesforce, call: Call, fault: Fault
) -> None:
    org.org.fill(20)
    org.page_size = 10
    org.faults.plan(call, fault, times=2)
    with Client(told(org)) as client:
        assert names(client) == [f"No {number}" for number in range(20)]


def test_pages_that_stay_short_are_no_answer(org: Salesforce) -> None:
    org.org.fill(20)
    org.faults.plan(Call.QUERY, Fault.SHORT, times=3)
    with Client(told(org)) as client, pytest.raises(UnavailableError, match="length"):
        names(client)


def test_a_lost_locator_begins_the_page_again(org: Salesforce) -> None:
    org.org.fill(20)
    org.page_size = 10
    org.faults.plan(Call.MORE, Fault.LOST_LOCATOR)
    with Client(told(org)) as client:
        assert len(names(client)) == 20


@pytest.mark.parametrize("fault", [Fault.EXPIRED, Fault.EMPTY_401])
def test_an_expired_session_is_made_anew_once(org: Salesforce, fault: Fault) -> None:
    org.org.fill(3)
    org.faults.plan(Call.QUERY, fault)
    with Client(told(org)) as client:
        assert len(names(client)) == 3
    assert org.door.logins == 2


def test_sessions_that_end_between_pages_are_made_anew(org: Salesforce) -> None:
    org.org.fill(30)
    org.page_size = 10
    org.before_page = lambda: org.door.expire() if org.door.logins < 3 else None
    with Client(told(org)) as client:
        assert len(names(client)) == 30
    assert org.door.logins == 3


def test_a_session_that_never_holds_ends_the_matter(org: Salesforce) -> None:
    org.faults.plan(Call.QUERY, Fault.EXPIRED, times=9)
    with Client(told(org)) as client, pytest.raises(LoginError, match="SESSION"):
        names(client)
    assert org.door.logins == 3


def test_logs_in_no_more_than_five_times_a_minute(org: Salesforce) -> None:
    org.faults.plan(Call.QUERY, Fault.EXPIRED, times=99)
    with Client(told(org)) as client:
        for reason in ("SESSION", "SESSION", "too many"):
            with pytest.raises(LoginError, match=reason):
                names(client)
    assert org.door.logins == 5


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HTML, Fault.RESET])
def test_log_ins_that_nobody_answers_use_up_nothing(
    org: Salesforce, fault: Fault
) -> None:
    org.faults.plan(Call.TOKEN, fault, times=12)
    for _ in range(2):
        with Client(told(org)) as client, pytest.raises(UnavailableError):
            names(client)
    assert len(org.asked) == 12
    with Client(told(org)) as client:
        assert names(client) == []


def test_an_org_that_is_not_reached_is_told_as_such(org: Salesforce) -> None:
    nowhere = told(org, login_url="http://127.0.0.1:9")
    for _ in range(2):
        with Client(nowhere) as client, pytest.raises(UnavailableError) as caught:
            names(client)
        assert str(caught.value) == (
            "Salesforce could not be read: nobody answers at its address "
            "(ConnectError)."
        )


def test_clients_of_a_process_share_a_session(org: Salesforce) -> None:
    for _ in range(3):
        with Client(told(org)) as client:
            names(client)
    assert org.door.logins == 1


def test_wrong_credentials_are_not_tried_again(org: Salesforce) -> None:
    wrong = told(org, client_secret="wrong")  # noqa: S106
    with Client(wrong) as client, pytest.raises(LoginError) as caught:
        names(client)
    assert caught.value.code == "invalid_client"
    assert len(org.asked) == 1


def test_a_lock_is_waited_for(org: Salesforce) -> None:
    org.org.fill(1)
    org.faults.plan(Call.QUERY, Fault.LOCKED, times=2)
    with Client(told(org)) as client:
        assert names(client) == ["No 0"]


def test_trouble_without_end_is_told(org: Salesforce) -> None:
    org.faults.plan(Call.QUERY, Fault.UNAVAILABLE, times=99)
    with Client(told(org)) as client, pytest.raises(UnavailableError) as caught:
        names(client)
    assert caught.value.reason == "HTTP 503"
    assert len(org.asked) == 1 + 6


def test_a_hidden_field_is_refused_at_once(org: Salesforce) -> None:
    org.org.hidden.add("LastName")
    with Client(told(org)) as client, pytest.raises(RefusedError) as caught:
        names(client)
    assert caught.value.code == "INVALID_FIELD"
    assert len(org.asked) == 2


def test_their_limit_is_no_fault_to_be_tried_again(org: Salesforce) -> None:
    org.faults.plan(Call.QUERY, Fault.LIMIT)
    with Client(told(org)) as client, pytest.raises(LimitReachedError):
        names(client)


@pytest.mark.parametrize("per_app", ["", "per-app-api-usage=17/250(appName=annals)"])
def test_stops_before_the_org_has_nothing_left(org: Salesforce, per_app: str) -> None:
    org.org.api_limit, org.org.api_used, org.org.per_app = 1_000, 799, per_app
    with Client(told(org)) as client:
        assert names(client) == []
        with pytest.raises(LimitReachedError, match="the org made 800 of 1000"):
            names(client)
    assert org.org.api_used == 800


def test_a_run_takes_no_more_than_its_share(org: Salesforce) -> None:
    org.org.api_limit = 1_000
    with Client(told(org), calls=249) as client:
        assert names(client) == []
        with pytest.raises(LimitReachedError, match="this run made 250 of 1000"):
            names(client)


@pytest.mark.parametrize("url", ["http://example.com", "ftp://127.0.0.1:1", ""])
def test_credentials_never_travel_in_clear(org: Salesforce, url: str) -> None:
    with (
        pytest.raises(UnsafeAddressError),
        Client(told(org, login_url=url)) as client,
    ):
        names(client)


def test_secrets_stand_in_no_log_and_no_trace(
    org: Salesforce, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    options = told(org)
    org.faults.plan(Call.QUERY, Fault.EXPIRED)
    org.faults.plan(Call.QUERY, Fault.UNAVAILABLE, times=99)
    traces = repr(options)
    with Client(options) as client:
        try:
            names(client)
        except SalesforceError:
            traces += traceback.format_exc()
    tokens = [*org.door.sessions, "the-consumer-secret"]
    assert len(tokens) == 3
    said = traces + caplog.text
    assert [each for each in tokens if each in said] == []


def test_a_person_changes_a_contact_on_the_page(org: Salesforce) -> None:
    told_of: list[int] = []
    org.changed = lambda: told_of.append(1)
    identity = org.org.create(LastName="<Ng>", Email="ng@example.com")
    with httpx.Client(base_url=org.url, follow_redirects=True) as person:
        assert "&lt;Ng&gt;" in person.get("/").text
        person.post(
            "/desk", data={"id": identity, "LastName": "Wu", "Email": "w@x.org"}
        )
        assert org.org.find(identity)[1]["LastName"] == "Wu"
        person.post("/desk", data={"id": identity, "do": "delete"})
        assert 'value="undelete"' in person.get("/").text
        person.post("/desk", data={"id": identity, "do": "undelete"})
        person.post("/desk", data={"do": "new"})
    assert len(org.org.tables["Contact"]) == 2
    assert len(told_of) == 4


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"id": "003'<b>"}, 404, "no Contact with the id “003&#x27;&lt;b&gt;”"),
        ({"do": "delete"}, 404, "no Contact with the id “”"),
        ({"id": "003000000000001AAA", "do": "merge"}, 400, "know how to “merge”"),
        (b"\xff=\xff&do=%ff", 400, "know how to “\ufffd”"),
    ],
)
def test_the_page_says_what_it_does_not_know(
    org: Salesforce, form: Any, status: int, said: str
) -> None:
    told_of: list[int] = []
    org.changed = lambda: told_of.append(1)
    org.org.create("User", LastName="Not a Contact")
    key = "content" if isinstance(form, bytes) else "data"
    answer = httpx.post(f"{org.url}/desk", **{key: form})
    assert answer.status_code == status
    assert said in answer.text
    assert told_of == []


def test_the_demonstration_tells_another_terminal_its_settings(org: Salesforce) -> None:
    lines = exports(org).splitlines()
    assert f"export SALESFORCE_LOGIN_URL={org.url}" in lines
    assert (
        "export SALESFORCE_STATUS_MAP="
        "'Active=active,On hold=suspended,Gone=deactivated'" in lines
    )
