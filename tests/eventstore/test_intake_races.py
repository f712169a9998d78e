"""One delivery that comes many times at once is kept once."""

from __future__ import annotations

import threading
from uuid import UUID

from django.db import connection

from eventstore.intake import raw
from eventstore.intake.models import RawRecord, RecordMapping
from eventstore.intake.raw import Received


def test_ten_sessions_that_bring_one_record_keep_one(committed_db: str) -> None:
    del committed_db
    start = threading.Barrier(10)
    told: list[tuple[UUID, bool]] = []

    def bring() -> None:
        start.wait()
        (kept,) = raw.keep(
            [Received(source="crm", kind=raw.WEBHOOK, key="1", body=b"{}")]
        )
        told.append((kept.record_id, kept.is_new))
        connection.close()

    threads = [threading.Thread(target=bring) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(is_new for _id, is_new in told) == [False] * 9 + [True]
    assert len({record_id for record_id, _is_new in told}) == 1
    assert RawRecord.objects.count() == RecordMapping.objects.count() == 1
