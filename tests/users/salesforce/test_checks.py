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
        ({"FIELD_OWNERS": {"name": "nobody"}}, ["salesforce.owner"]),
        ({"FIELD_OWNERS": {"height": "local"}}, ["salesforce.owner"]),
        ({"STATUS_MAP": {"Gone": "erased"}}, ["salesforce.status"]),
        ({"STATUS_FIELD": "Status__c FROM User--"}, ["salesforce.name"]),
        ({"API_VERSION": "57.0"}, ["salesforce.version"]),
        ({"API_VERSION": "new"}, ["salesforce.version"]),
        ({"LOGIN_URL": "", "ENABLED": False}, []),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    settings: LazySettings, changes: dict[str, Any], codes: list[str]
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | GOOD | changes
    assert [each.id for each in check_salesforce()] == codes


def test_no_secret_is_told(settings: LazySettings) -> None:
    settings.SALESFORCE = (
        settings.SALESFORCE | GOOD | {"LOGIN_URL": "", "FIELD_OWNERS": {"x": "y"}}
    )
    assert "the-consumer-secret" not in str(check_salesforce())
