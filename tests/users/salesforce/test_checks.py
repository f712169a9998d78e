from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings

from tests.salesforce.here import SET
from users.sources.salesforce.checks import check_salesforce

GOOD = SET | {"LOGIN_URL": "https://example.my.salesforce.com"}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"LOGIN_URL": "http://127.0.0.1:8020"}, []),
        ({"LOGIN_URL": "http://example.com"}, ["salesforce.address"]),
        ({"LOGIN_URL": "http://127.0.0.1.example.com"}, ["salesforce.address"]),
        ({"CLIENT_SECRET": ""}, ["salesforce.credentials"]),
        ({"AUTH": "password"}, ["salesforce.auth"]),
        ({"AUTH": "jwt"}, ["salesforce.credentials"]),
        ({"AUTH": "jwt", "PRIVATE_KEY": "x", "CLIENT_SECRET": ""}, []),
        ({"AUTH": "jwt", "PRIVATE_KEY_FILE": __file__}, []),
        ({"AUTH": "jwt", "PRIVATE_KEY_FILE": "/nowhere"}, ["salesforce.credentials"]),
        (
            {"AUTH": "jwt", "PRIVATE_KEY": "x", "PRIVATE_KEY_FILE": __file__},
            ["salesforce.credentials"],
        ),
        ({"WHERE": "LastName != ')' AND (Email != null OR Title = 'a\\'b')"}, []),
        ({"WHERE": "Id != null) OR (Id != null"}, ["salesforce.where"]),
        ({"WHERE": "(Id != null"}, ["salesforce.where"]),
        ({"WHERE": "Name = 'x"}, ["salesforce.where"]),
        ({"WHERE": "Id != null\nLIMIT 1"}, ["salesforce.where"]),
        ({"WHERE": "x" * 1001}, ["salesforce.where"]),
        ({"FIELD_OWNERS": {"name": "nobody"}}, ["salesforce.owner"]),
        ({"FIELD_OWNERS": {"height": "local"}}, ["salesforce.owner"]),
        ({"STATUS_MAP": {"Gone": "erased"}}, ["salesforce.status"]),
        ({"STATUS_FIELD": "Status__c FROM User--"}, ["salesforce.name"]),
        ({"API_VERSION": "57.0"}, ["salesforce.version"]),
        ({"API_VERSION": "new"}, ["salesforce.version"]),
        ({"ON_DELETE": "flag"}, []),
        ({"ON_DELETE": "erase"}, ["salesforce.on_delete"]),
        ({"PAGE_SIZE": 0}, ["salesforce.number"]),
        ({"BULK_THRESHOLD": 0, "BULK_POLL_SECONDS": 0.0, "BRAKE_RATIO": 1.0}, []),
        ({"BULK_THRESHOLD": -1, "MAX_TRIES": 0}, ["salesforce.number"] * 2),
        ({"READ_TIMEOUT": 0.0}, ["salesforce.number"]),
        ({"MAX_API_SHARE_ORG": 80.0}, ["salesforce.number"]),
        ({"BRAKE_RATIO": float("nan")}, ["salesforce.number"] * 2),
        ({"LOGIN_URL": "", "ENABLED": False}, []),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    settings: LazySettings, changes: dict[str, Any], codes: list[str]
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | GOOD | changes
    assert [each.id for each in check_salesforce()] == codes


def test_a_number_that_cannot_be_meant_is_told(settings: LazySettings) -> None:
    settings.SALESFORCE = settings.SALESFORCE | GOOD | {"MAX_API_SHARE_RUN": 25.0}
    (found,) = check_salesforce()
    assert found.msg == "SALESFORCE_MAX_API_SHARE_RUN is 25.0, not a share of 1."


def test_no_secret_is_told(settings: LazySettings) -> None:
    settings.SALESFORCE = (
        settings.SALESFORCE | GOOD | {"LOGIN_URL": "", "FIELD_OWNERS": {"x": "y"}}
    )
    assert "the-consumer-secret" not in str(check_salesforce())
