"""Salesforce says that records changed, and the intake maps it."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from eventstore.intake.models import RecordMapping
from tests.intake import work
from tests.salesforce.answers import Salesforce
from tests.salesforce.outbound import ACK, SOURCE, deliver, message, notification
from users.models import SalesforceHint


@pytest.fixture
def hinting(connected: Salesforce, settings: LazySettings) -> Salesforce:
    """Let the org send outbound messages."""
    settings.INGEST_SOURCES = SOURCE
    settings.INGEST_A_MINUTE = 0
    return connected


def tell(*records: str, first: int = 1) -> None:
    """Let Salesforce say that records changed, and the intake map it."""
    told = [notification(first + n, record) for n, record in enumerate(records)]
    assert deliver(message(*told)).content == ACK
    work()


def hinted() -> list[str]:
    return list(SalesforceHint.objects.order_by("sf_id").values_list(flat=True))


def became() -> list[str]:
    """Return what became of each notification, in order."""
    mine = RecordMapping.objects.filter(source="sf").order_by("raw_id")
    return list(mine.values_list("state", flat=True))
