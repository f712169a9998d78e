"""The short form of ``make faults``: every fault once, on one installation."""

from __future__ import annotations

import os

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.faults import suite
from tests.faults.injections import FAULTS


@pytest.mark.timeout(400)
def test_nothing_is_lost_doubled_or_out_of_order_whatever_dies(
    django_db_blocker: DjangoDbBlocker,
) -> None:
    lacking = {each.name: each.lacks() for each in FAULTS if each.lacks()}
    if os.environ.get("CI"):
        assert lacking == {}
    faults = [each for each in FAULTS if each.name not in lacking]
    with django_db_blocker.unblock():
        told = list(suite.run(faults, short=True))
    assert {each.fault.name: each.broken for each in told if each.broken} == {}
    assert len(told) == len(faults)
