"""The page of one subscription: its status, its checkpoints, and what may be done."""

from __future__ import annotations

from eventstore.models import Checkpoint
from tests.backoffice import catch_up, regions, staff, superuser, text
from tests.factories import ADA, known_user

LIST = "/admin/eventstore/subscription/"


def test_shows_one_alone_with_each_of_its_buckets(committed_db: str) -> None:
    del committed_db
    known_user(ADA)
    client = superuser()
    assert text(client.get(f"{LIST}snapshots/"), "beaten") == "no worker yet"
    catch_up()
    Checkpoint.objects.filter(subscription="snapshots", bucket=3).update(
        position=0, error="KeyError at <x>.py:1"
    )
    page = client.get(f"{LIST}snapshots/")
    said = text(page, "subscriptions") or ""
    assert " snapshots projection Failing 0 1 (" in said
    assert "directory" not in said
    assert (text(page, "beaten") or "").endswith("just now")
    buckets = text(page, "buckets") or ""
    assert buckets.startswith("Checkpoints ")
    assert buckets.count("snapshots") == 16
    assert " 3 1 " in buckets
    assert "KeyError at &lt;x&gt;.py:1" in page.content.decode()
    assert len(regions(page, "pause-snapshots")) == 1
    reader = staff("eventstore.view_checkpoint").get(f"{LIST}snapshots/")
    assert regions(reader, "pause-snapshots") == []
    assert regions(reader, "acts") == []


def test_one_that_is_none_is_a_page_that_says_so(committed_db: str) -> None:
    del committed_db
    answer = superuser().get(f"{LIST}nobody/")
    assert answer.status_code == 404
    assert "nobody" in answer.content.decode()
