"""The raw inbox and quarantine, as staff see them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.test import Client

from eventstore import store
from eventstore.intake import inbox
from eventstore.intake.models import RecordMapping
from tests.backoffice import regions, staff, superuser, text
from tests.deliveries import post, standard
from tests.factories import known_user
from tests.intake import ADA, SECRET, crm, person, receive, states, work

__all__ = ["crm"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("crm")]
LIST = "/admin/eventstore/rawrecord/"
QUARANTINE = "/admin/eventstore/quarantine/"
SEE = "eventstore.view_rawrecord"
WHY = {"reason": "ticket OPS-412"}


def url(record_id: UUID, rest: str = "") -> str:
    return f"{LIST}{record_id}/{rest}"


def rows(answer: Any) -> int:
    return str(answer.content).count("<tr>") - 1


def told(kind: str) -> list[tuple[str, str]]:
    events = store.read_stream("intake-crm")
    return [(e.actor, e.data.get("reason", "")) for e in events if e.type == kind]


def test_the_inbox_is_empty_until_something_comes() -> None:
    client = superuser()
    empty = text(client.get(LIST), "empty")
    assert empty
    assert empty.startswith("Nothing like this came in.")
    empty = text(client.get(QUARANTINE), "empty")
    assert empty
    assert empty.startswith("Everything that came in was mapped.")


def test_the_inbox_lists_and_filters() -> None:
    receive(ADA, key="m-1")
    receive(b"{", key="m-2")
    work()
    client = superuser()
    assert rows(client.get(LIST)) == 2
    for query in ("state=applied", "text=m-1", "text=1", "source=crm&state=applied"):
        answer = client.get(f"{LIST}?{query}")
        assert (query, rows(answer)) == (query, 1)
        assert "m-1" in str(text(answer, "records-table"))
    for query in ("state=skipped", "text=%00", "until=2001-01-01T00:00:00Z"):
        assert text(client.get(f"{LIST}?{query}"), "empty")
    for query in ("state=odd", "before=x", "group=%27", "until=never"):
        assert client.get(f"{LIST}?{query}").status_code == 200


def test_the_inbox_has_pages() -> None:
    for number in range(inbox.SHOWN + 1):
        receive(ADA, key=f"m-{number}")
    client = superuser()
    first = client.get(LIST)
    assert rows(first) == inbox.SHOWN
    last = inbox.listed(inbox.Wanted())[inbox.SHOWN - 1].mapping.raw_id
    assert f"?before={last}" in first.content.decode()
    second = client.get(f"{LIST}?before={last}")
    assert (rows(second), text(second, "older")) == (1, None)


def test_the_list_asks_as_much_for_fifty_records_as_for_one(
    django_assert_max_num_queries: Any,
) -> None:
    client = superuser()
    for number in range(inbox.SHOWN):
        receive(ADA, key=f"m-{number}")
    with django_assert_max_num_queries(5):
        client.get(LIST)
    record_id = receive(ADA, key="last")
    with django_assert_max_num_queries(7):
        client.get(url(record_id))


def test_a_record_says_how_it_was_verified_and_what_came_of_it() -> None:
    body = json.dumps(ADA).encode()
    answer = post(body, standard(body))
    work()
    page = superuser().get(url(UUID(answer.json()["id"])))
    verdict = "its signature (standard), over the bytes as received"
    assert text(page, "verdict") == verdict
    assert "webhook-id msg_1" in str(text(page, "headers"))
    assert "UserCreated" in str(text(page, "made"))
    assert "people, version 1" in str(text(page, "record"))
    assert b"ada@example.com" not in page.content


def test_the_body_is_shown_to_whoever_may_and_that_is_an_event() -> None:
    record_id = receive({"id": "1", "name": "<script>alert(1)</script>"})
    may_not, may = staff(SEE), staff(SEE, "eventstore.reveal_rawrecord")
    page = may_not.get(url(record_id))
    assert regions(page, "reveal") == []
    assert may_not.post(url(record_id, "reveal/")).status_code == 403
    assert told("RecordRevealed") == []
    assert b"script>alert" not in may.get(url(record_id)).content
    shown = may.post(url(record_id, "reveal/"))
    assert "no-store" in shown["Cache-Control"]
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;" in shown.content
    assert b"<script>alert" not in shown.content
    assert len(told("RecordRevealed")) == 1


def test_a_stuck_record_is_tried_again_or_skipped_with_a_reason() -> None:
    known_user(email="ada@example.com")
    first = receive(ADA)
    receive({"id": "1", "name": "Ada", "email": "ada@king.example"})
    work()
    client = superuser()
    page = client.get(url(first))
    assert text(page, "waiting") == "1 later record of this entity"
    assert client.post(url(first, "reprocess/")).status_code == 422
    assert client.post(url(first, "skip/")).status_code == 422
    assert states() == ["failing", "waiting"]
    assert client.post(url(first, "reprocess/"), WHY).status_code == 303
    assert states() == ["failing", "waiting"]
    assert client.post(url(first, "skip/"), WHY).status_code == 303
    work()
    assert states() == ["skipped", "applied"]
    assert told("RecordsReprocessed") == [("staff:root", "ticket OPS-412")]
    assert told("RecordSkipped") == [("staff:root", "ticket OPS-412")]
    again = client.post(url(first, "skip/"), WHY, follow=True)
    assert b"only an open one can be skipped" in again.content


def test_quarantine_groups_what_failed_alike_and_tries_it_again() -> None:
    for number in range(3):
        receive({"id": str(number), "status": "odd"} | {"name": "A", "email": "a@b.cc"})
    receive(b"{")
    work()
    client = superuser()
    page = client.get(QUARANTINE)
    groups = str(text(page, "groups"))
    assert "unknown_status crm 3 3" in groups
    assert "not_json crm 1 1" in groups
    group = next(g for g in inbox.groups() if g.error == "unknown_status")
    form = f"{QUARANTINE}{group.fingerprint}/retry/"
    assert "The workers try 3 records again" in str(
        text(client.get(form), "group-card")
    )
    assert client.post(form, {"reason": " "}).status_code == 422
    assert client.post(form, WHY).status_code == 303
    assert states() == ["pending"] * 3 + ["quarantined"]
    assert client.get(f"{QUARANTINE}nothing/retry/").status_code == 404


def test_what_a_run_found_unusable_is_listed_without_a_retry() -> None:
    receive(b"{")
    work()
    RecordMapping.objects.update(fingerprint="")  # as a run over Salesforce leaves it
    page = superuser().get(QUARANTINE)
    assert "Mend it at its source" in str(text(page, "groups"))
    link = "?source=crm&amp;state=quarantined&amp;error=not_json"
    assert link in page.content.decode()
    assert "retry-group" not in page.content.decode()
    for error, count in (("not_json", 1), ("no_id", 0), ("%00", 1)):
        found = superuser().get(f"{LIST}?state=quarantined&error={error}")
        assert (error, rows(found)) == (error, count or -1)


def test_what_nobody_can_map_any_more_is_not_offered_to_be_tried(
    settings: LazySettings,
) -> None:
    first = receive(b"{")
    work()
    fingerprint = inbox.groups()[0].fingerprint
    client = superuser()
    for sources in ({}, {"crm": {"mapper": "gone", "secrets": [SECRET]}}):
        settings.INGEST_SOURCES = sources
        page = client.get(QUARANTINE)
        assert text(page, "retry-group") is None
        assert "Its source is not set up any more" in str(text(page, "groups"))
        refused = client.get(f"{QUARANTINE}{fingerprint}/retry/")
        assert refused.status_code == 409
        page = client.get(url(first))
        assert text(page, "reprocess-card") is None
        card = str(text(page, "unmapped-card"))
        assert "No source crm is set up here any more, or it has no mapper." in card
    client.post(url(first, "skip/"), WHY)
    assert states() == ["skipped"]


def test_a_mapped_record_is_reprocessed() -> None:
    record_id = receive(ADA)
    work()
    answer = superuser().post(url(record_id, "reprocess/"), WHY, follow=True)
    assert b"nothing came out otherwise" in answer.content
    assert person()


def test_an_unknown_record_is_not_there() -> None:
    client = superuser()
    assert client.get(url(uuid4())).status_code == 404
    assert client.post(url(uuid4(), "skip/"), WHY).status_code == 303


@pytest.mark.parametrize("rest", ["", "reveal/", "reprocess/", "skip/"])
def test_every_page_wants_its_permission(rest: str) -> None:
    record_id = receive(ADA)
    method = "post" if rest else "get"
    assert getattr(Client(), method)(url(record_id, rest)).status_code == 302
    may_not = staff("eventstore.view_storedevent", *([SEE] if rest else []))
    assert getattr(may_not, method)(url(record_id, rest)).status_code == 403
    assert may_not.get(f"{QUARANTINE}x/retry/").status_code == 403
