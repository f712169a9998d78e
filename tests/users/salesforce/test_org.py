"""The Salesforce of our own answers as the real one does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.salesforce.answers import Salesforce
from tests.salesforce.faults import Call, Fault

DATA = "/services/data/v60.0"
CONTACTS = f"{DATA}/sobjects/Contact"
JOBS = f"{DATA}/jobs/query"
GRANT = {
    "grant_type": "client_credentials",
    "client_id": "3MVG9consumer",
    "client_secret": "the-consumer-secret",
}


@pytest.fixture
def api(org: Salesforce) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=org.url) as known:
        told = known.post("/services/oauth2/token", data=GRANT).json()
        known.headers["Authorization"] = f"Bearer {told['access_token']}"
        assert told["id"].split("/")[4] == org.org.org_id
        yield known


def test_refuses_in_the_real_shape(org: Salesforce, api: httpx.Client) -> None:
    wrong = api.post("/services/oauth2/token", data=GRANT | {"client_secret": "x"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
    other = api.post("/services/oauth2/token", data={"grant_type": "password"})
    assert other.json()["error"] == "unsupported_grant_type"
    stranger = api.post("/services/oauth2/token", data=GRANT | {"client_id": "x"})
    assert stranger.json()["error"] == "invalid_client_id"
    for text, code in {
        "SELECT Nothing FROM Contact": "INVALID_FIELD",
        "SELECT Id FROM Nothing": "INVALID_TYPE",
        "SELECT Id FROM Contact LIMIT 1 nonsense": "MALFORMED_QUERY",
        "SELECT Id FROM Contact WHERE ?": "MALFORMED_QUERY",
        "SELECT Id": "MALFORMED_QUERY",
    }.items():
        answer = api.get(f"{DATA}/query", params={"q": text})
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert api.get(f"{DATA}/nothing").status_code == 404
    org.door.expire()
    expired = api.get(f"{DATA}/limits")
    assert expired.status_code == 401
    assert expired.json()[0]["errorCode"] == "INVALID_SESSION_ID"


def test_records_are_written_queried_and_counted(api: httpx.Client) -> None:
    made = api.post(CONTACTS, json={"LastName": "Ng", "Email": "ng@x.org"}).json()
    one = f"{CONTACTS}/{made['id']}"
    assert api.patch(one, json={"LastName": "Wu"}).status_code == 204
    named = {"ids": [made["id"], "003000000000009AAA"], "fields": ["LastName"]}
    found = api.post(f"{DATA}/composite/sobjects/Contact", json=named).json()
    assert (found[0]["LastName"], found[1]) == ("Wu", None)
    text = "SELECT LastName FROM Contact WHERE (LastName = 'Wu' OR LastName = null)"
    assert api.get(f"{DATA}/query", params={"q": text}).json()["totalSize"] == 1
    assert api.delete(one).status_code == 204
    count = {"q": "SELECT COUNT() FROM Contact WHERE IsDeleted = true"}
    assert api.get(f"{DATA}/query", params=count).json()["totalSize"] == 0
    answer = api.get(f"{DATA}/queryAll", params=count)
    assert answer.json()["totalSize"] == 1
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=7/100000"
    window = {"start": "2020-01-01T00:00:00Z", "end": "2999-01-01T00:00:00Z"}
    gone = api.get(f"{CONTACTS}/deleted/", params=window).json()
    assert [each["id"] for each in gone["deletedRecords"]] == [made["id"]]


def test_a_bulk_job_is_made_polled_fetched_and_deleted(
    org: Salesforce, api: httpx.Client
) -> None:
    org.org.fill(5)
    org.jobs.polls = 2
    body = {"operation": "queryAll", "query": "SELECT Id,LastName,Email FROM Contact"}
    job: Any = api.post(JOBS, json=body).json()
    states = [api.get(f"{JOBS}/{job['id']}").json()["state"] for _ in range(2)]
    assert states == ["InProgress", "JobComplete"]
    rows, locator = 0, ""
    while locator != "null":
        asked = {"maxRecords": "2"} | ({"locator": locator} if locator else {})
        page = api.get(f"{JOBS}/{job['id']}/results", params=asked)
        assert page.text.splitlines()[0] == '"Id","LastName","Email"'
        rows += int(page.headers["Sforce-NumberOfRecords"])
        locator = page.headers["Sforce-Locator"]
    assert rows == 5
    other = api.get(f"/services/data/v61.0/jobs/query/{job['id']}/results")
    assert other.status_code == 409
    assert len(api.get(JOBS).json()["records"]) == 1
    assert api.delete(f"{JOBS}/{job['id']}").status_code == 204
    assert api.get(f"{JOBS}/{job['id']}").status_code == 404


def test_a_bulk_job_fails_when_it_is_told_to(
    org: Salesforce, api: httpx.Client
) -> None:
    org.jobs.failures = ["Failed", "Aborted"]
    body = {"operation": "query", "query": "SELECT Id FROM Contact"}
    found = [
        api.get(f"{JOBS}/{api.post(JOBS, json=body).json()['id']}").json()["state"]
        for _ in range(3)
    ]
    assert found == ["Failed", "Aborted", "JobComplete"]


def test_a_fault_befalls_the_call_it_is_planned_for(
    org: Salesforce, api: httpx.Client
) -> None:
    org.faults.plan(Call.LIMITS, Fault.TOO_MANY, after=1)
    statuses = [api.get(f"{DATA}/limits").status_code for _ in range(3)]
    assert statuses == [200, 429, 200]
    assert org.faults.seen == [(Call.LIMITS, Fault.TOO_MANY)]
