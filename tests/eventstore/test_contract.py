"""The real store and a plain dict keep the same promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import transaction

from eventstore import store as real
from eventstore.appends import Append, Appended
from eventstore.events import RecordedEvent
from tests.eventstore.contract import Store, StoreContract
from tests.eventstore.plain_store import PlainStore


class RealStore:
    """The real store; a refusal undoes its own part of the test's transaction only."""

    def append(self, *args: Any, **options: Any) -> Appended:
        with transaction.atomic():
            return real.append(*args, **options)

    def append_many(self, appends: Sequence[Append]) -> list[Appended]:
        with transaction.atomic():
            return real.append_many(appends)

    def read_stream(self, *args: Any, **options: Any) -> list[RecordedEvent]:
        return real.read_stream(*args, **options)


@pytest.mark.django_db
class TestRealStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return RealStore()


class TestPlainStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return PlainStore()
