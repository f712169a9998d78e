from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import rest
from tests.factories import ADA, known_user

NASTY = ["\x00", "\ud800", "\u202e", "e\u0301", "\uffff", "\U0010ffff", " ", "", "\r\n"]
NUMBERS = [0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**70, 1.5, -0.0, 1e300]
WORDS = [
    *("command", "commands", "id", "user_id", "name", "email", "status", "reason"),
    *("expected_version", "create_user", "change_name", "change_email", "active"),
    *("change_status", "suspended", "ada@example.com", str(ADA)),
]
texts = st.one_of(
    st.sampled_from(NASTY + WORDS),
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.builds(str.__mul__, st.sampled_from(["x", "\u00e9"]), st.integers(190, 520)),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.integers(), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=8,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(st.uuids().map(str), values),
        "name": values,
        "email": st.one_of(st.emails(), values),
        "status": values,
        "reason": values,
        "expected_version": values,
        "user_id": st.one_of(st.just(str(ADA)), values),
        "command": st.one_of(st.sampled_from(WORDS), values),
    },
)
bodies = st.builds(dict.__or__, fields, st.dictionaries(texts, values, max_size=1))
batches = st.fixed_dictionaries(
    {"commands": st.one_of(st.lists(st.one_of(bodies, values), max_size=6), values)}
)
anything = st.one_of(bodies, batches, values)
raws = st.one_of(
    anything.map(json.dumps).map(str.encode),
    # Python's encoder leaves a lone surrogate to be written as three bytes.
    anything.map(lambda value: json.dumps(value, ensure_ascii=False)).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    anything.map(json.dumps).map(lambda text: text.encode("utf-16")),
    st.binary(max_size=40),
    st.builds(
        lambda depth, value: b'{"a":[' * depth + value + b"]}" * depth,
        st.integers(1, 2_000),
        st.sampled_from([b"", b"1", b'"\\ud800"', b'{"a":1,"a":2}']),
    ),
    st.integers(1, 6_000).map(lambda digits: b'{"name":' + b"9" * digits + b"}"),
)
URLS = [
    "/api/v1/users",
    "/api/v1/users/commands",
    *(f"/api/v1/users/{ADA}/{change}" for change in ("name", "email", "status")),
]
headers = st.fixed_dictionaries(
    {},
    optional={
        "Idempotency-Key": st.text(st.characters(max_codepoint=255), max_size=300),
        "If-Match": st.one_of(
            st.sampled_from(
                ['"1"', "*", 'W/"1"', '"1", "2"', '"', "1", '"99999999999"']
            ),
            st.text(st.characters(max_codepoint=255), max_size=30),
        ),
        "Prefer": st.sampled_from(["handling=strict", "handling=", ",,;="]),
        "Content-Type": st.sampled_from(
            ["application/json", "text/plain", "", "application/json; charset=utf-16"]
        ),
    },
)
ANSWERS = {200, 202, 400, 404, 409, 412, 413, 415, 428}


@pytest.fixture
def api(db: None) -> Client:  # noqa: ARG001  # comes first
    known_user(ADA)
    return rest.client()


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(url=st.sampled_from(URLS), raw=raws, sent=headers)
def test_whatever_is_sent_is_answered_as_described(
    api: Client, url: str, raw: bytes, sent: dict[str, Any]
) -> None:
    kind = sent.pop("Content-Type", "application/json")
    response = api.generic("POST", url, raw, content_type=kind, headers=sent)
    body = json.loads(response.content)
    assert response.status_code in ANSWERS
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"
        assert body["type"].startswith("urn:annals:problem:")
        pointers = [error["pointer"] for error in body.get("errors", [])]
        assert [each for each in pointers if not each.startswith("#")] == []
