from __future__ import annotations

from datetime import timedelta
from math import inf
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from eventstore import (
    checkpoints,
    comparing,
    copies,
    rebuilding,
    rebuilds,
    roles,
    standings,
    store,
    subscriptions,
)
from eventstore.errors import (
    NoReasonError,
    NoRebuildError,
    NotRebuildableError,
    SwitchRefusedError,
)
from eventstore.models import Effect, Rebuild
from eventstore.read_models import Table
from eventstore.subscriptions import Projection
from projections.directory import DIRECTORY
from projections.models import DirectoryEntry, UserPeriod
from tests.backoffice import catch_up
from tests.factories import known_user
from tests.rebuilds import (
    MODELS,
    built,
    counts,
    done,
    erase,
    found,
    operator,
    rename,
    step,
    tables,
    told,
    users_in,
)

__all__ = ["operator"]
pytestmark = pytest.mark.usefixtures("committed_db", "operator")


@pytest.mark.parametrize("name", MODELS)
def test_a_sound_read_model_built_anew_differs_in_nothing(name: str) -> None:
    users = [known_user() for _ in range(5)]
    rename(users[0], "Ada King")
    erase(users[1])
    catch_up()
    before = list(MODELS[name].objects.order_by("user_id", "version").values_list())
    effects = Effect.objects.count()
    built(name)
    assert (found(name).state, found(name).error) == ("ready", "")
    assert (found(name).done, found(name).total) == (7, 7)
    assert counts(name) == [(0, 0, 0, 0)]
    rebuilds.switch(name)
    after = MODELS[name].objects.order_by("user_id", "version").values_list()
    if name == "directory":  # the other one's numbers are drawn anew
        assert list(after) == before
    assert len(after) == len(before)
    assert Effect.objects.count() == effects


def test_says_which_rows_differ_and_in_which_fields_but_no_value() -> None:
    known_user()
    known_user()
    catch_up()
    known = sorted(DirectoryEntry.objects.values_list("user_id", flat=True))
    DirectoryEntry.objects.filter(user_id=known[0]).update(name="Eve", status="bad")
    row = DirectoryEntry.objects.get(user_id=known[1])
    row.delete()
    row.user_id = UUID(int=1)
    row.save(force_insert=True)
    built()
    assert counts() == [(1, 1, 1, 0)]
    comparison = found().comparison
    assert comparison
    assert comparison["tables"][0]["sample"] == [
        {
            "key": {"user_id": str(known[0])},
            "kind": "changed",
            "fields": ["name", "status"],
        },
        {"key": {"user_id": str(known[1])}, "kind": "created", "fields": []},
        {"key": {"user_id": str(UUID(int=1))}, "kind": "deleted", "fields": []},
    ]
    assert "Eve" not in str(comparison)


def test_switches_forth_back_and_forth_with_checkpoints_and_indexes() -> None:
    known_user()
    catch_up()
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
    DirectoryEntry.objects.update(name="wrong")
    built()
    late = known_user()
    assert DirectoryEntry.objects.count() == 1
    rebuilds.switch("directory", reason="OPS-2")
    assert set(DirectoryEntry.objects.values_list("name", flat=True)) == {"Ada Byron"}
    assert DirectoryEntry.objects.filter(user_id=late).exists()  # the gap was closed
    assert set(checkpoints.positions("directory").values()) == {store.watermark() - 1}
    rebuilds.switch_back("directory", reason="OPS-3")
    names = dict(DirectoryEntry.objects.values_list("user_id", "name"))
    assert names.pop(late) == "Ada Byron"  # caught up before it was switched to
    assert list(names.values()) == ["wrong"]
    rebuilds.switch("directory", reason="OPS-4")
    assert not DirectoryEntry.objects.filter(name="wrong").exists()
    assert told() == [
        ("staff:grace", "rebuild started", "OPS-1"),
        ("staff:grace", "switched to the rebuilt tables", "OPS-2"),
        ("staff:grace", "switched back", "OPS-3"),
        ("staff:grace", "switched to the rebuilt tables", "OPS-4"),
    ]
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        assert cursor.fetchall() == indexes
        assert roles.missing(cursor) == []


INDEXES = """
SELECT indexname::text, indexdef FROM pg_indexes
WHERE schemaname = current_schema() AND tablename = 'projections_directoryentry'
ORDER BY 1
"""


def test_what_is_recorded_meanwhile_is_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "CHUNK", 3)
    users = [known_user() for _ in range(8)]
    catch_up()
    rebuilds.start("directory", reason="OPS-1")
    for user_id in users:
        step("directory")
        rename(user_id, "Ada King")
        known_user()
    done()
    catch_up()
    rebuilds.compare("directory")
    done()
    assert counts() == [(0, 0, 0, 0)]
    rebuilds.switch("directory")
    rows = DirectoryEntry.objects.values_list("name", flat=True)
    assert sorted(rows) == ["Ada Byron"] * 8 + ["Ada King"] * 8


def test_one_that_is_ahead_is_no_difference() -> None:
    user_id = known_user()
    catch_up()
    built()
    rename(user_id, "Ada King")
    assert subscriptions.catch_up(DIRECTORY)  # the copy has not seen it yet
    comparing.compare(DIRECTORY, found())
    assert counts() == [(0, 0, 0, 1)]


def test_a_cancelled_one_leaves_nothing_behind() -> None:
    known_user()
    built()
    rebuilds.cancel("directory", reason="OPS-5")
    assert tables() == []
    assert checkpoints.positions("directory~rebuild_next") == {}
    assert standings.current("directory") is None
    assert told()[-1] == ("staff:grace", "rebuild cancelled", "OPS-5")
    assert rebuilding.work("directory")
    with pytest.raises(NoRebuildError):
        rebuilds.switch("directory")
    built()  # and another may begin
    assert found().state == "ready"


def test_a_paused_one_waits_and_goes_on() -> None:
    known_user()
    rebuilds.start("directory", reason="OPS-1")
    rebuilds.pause("directory", reason="later")
    done()
    assert (found().state, found().paused_by) == ("filling", "staff:grace")
    with pytest.raises(NoRebuildError):
        rebuilds.pause("directory")
    rebuilds.resume("directory")
    done()
    assert (found().state, found().paused_by) == ("ready", "")
    with pytest.raises(NoRebuildError):
        rebuilds.resume("directory")
    assert [change for _actor, change, _reason in told()] == [
        "rebuild started",
        "rebuild paused",
        "rebuild resumed",
    ]


def test_a_copy_too_far_behind_is_not_switched_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuilds, "GAP", 2)
    built()
    known_user()
    known_user()
    with pytest.raises(SwitchRefusedError, match="it is too far behind"):
        rebuilds.switch("directory")
    assert found().state == "ready"


def test_other_code_leaves_it_alone_and_says_so() -> None:
    known_user()
    rebuilds.start("directory", reason="OPS-1")
    Rebuild.objects.update(digest="of yesterday")
    done()
    standing = standings.current("directory")
    assert standing
    assert (standing.rebuild.state, standing.is_outdated) == ("filling", True)


def test_kept_tables_keep_up_and_are_dropped_in_time() -> None:
    known_user()
    built()
    rebuilds.switch("directory")
    late = known_user()
    done()
    assert late in users_in("directory", "rebuild_kept")
    rebuilding.drop_expired()
    assert tables() == [("rebuild_kept", "projections_directoryentry")]
    Rebuild.objects.update(switched_at=timezone.now() - timedelta(hours=25))
    rebuilding.drop_expired()
    assert tables() == []
    assert Rebuild.objects.get().state == "dropped"
    with pytest.raises(NoRebuildError):
        rebuilds.switch_back("directory")
    assert told()[-1] == ("system:beat", "kept tables dropped", "")


def test_a_second_rebuild_drops_what_the_first_kept() -> None:
    known_user()
    built()
    rebuilds.switch("directory")
    built()
    with pytest.raises(SwitchRefusedError, match="another rebuild is active"):
        rebuilds.switch_back("directory")
    rebuilds.switch("directory")
    states = Rebuild.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["dropped", "switched"]
    assert tables() == [("rebuild_kept", "projections_directoryentry")]


def test_what_names_no_tables_is_not_rebuilt_nor_anything_without_a_reason() -> None:
    for name in ("snapshots", "welcome_email"):
        with pytest.raises(NotRebuildableError):
            rebuilds.start(name, reason="OPS-1")
    with pytest.raises(NoReasonError):
        rebuilds.start("directory", reason=" ")
    assert tables() == []


def test_a_projection_that_is_gone_stops_nobody_elses_cleaning() -> None:
    long_ago = timezone.now() - timedelta(days=30)
    Rebuild.objects.create(
        subscription="gone",
        actor="staff:grace",
        reason="OPS-1",
        digest="",
        until=0,
        started_at=long_ago,
        switched_at=long_ago,
        state="switched",
    )
    built()
    rebuilds.switch("directory")
    Rebuild.objects.filter(subscription="directory").update(switched_at=long_ago)
    assert rebuilding.names() == ["directory"]
    rebuilding.drop_expired()
    assert Rebuild.objects.get(subscription="directory").state == "dropped"
    assert Rebuild.objects.get(subscription="gone").state == "switched"


def test_an_error_stands_beside_the_rebuild_it_is_of_until_a_step_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known_user()
    built()
    rebuilds.switch("directory")
    built()
    rebuilds.compare("directory")
    asked = Rebuild.objects.get(is_comparison_due=True)
    compare = comparing.compare

    def stumble(projection: Projection, rebuild: Rebuild) -> None:
        raise ValueError(projection.name, rebuild.pk)

    monkeypatch.setattr(comparing, "compare", stumble)
    rebuilding.work("directory")
    of = dict(Rebuild.objects.values_list("pk", "error"))
    assert of.pop(asked.pk).startswith("ValueError at ")
    assert set(of.values()) == {""}
    monkeypatch.setattr(comparing, "compare", compare)
    done()
    assert set(Rebuild.objects.values_list("error", flat=True)) == {""}


def test_kept_tables_that_lack_one_of_newer_code_are_left_alone() -> None:
    built()
    rebuilds.switch("directory")
    known_user()
    mark = store.watermark()
    kept = copies.name_of("directory", copies.KEPT)
    more = Table(model=UserPeriod, key=("user_id",))
    newer = Projection(
        name="directory", apply=DIRECTORY.apply, tables=(*DIRECTORY.tables, more)
    )
    rebuilding.step(newer, inf)
    assert max(checkpoints.positions(kept).values()) < mark
    rebuilding.step(DIRECTORY, inf)
    assert set(checkpoints.positions(kept).values()) == {mark}
