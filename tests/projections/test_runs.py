from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core import mail, signing
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore import store
from eventstore.models import Effect
from projections import directory, reprocess, runs, scopes
from projections.models import DirectoryEntry, ReprocessRun, UserPeriod
from projections.read_models import READ_MODELS
from projections.reprocess import StalePreviewError
from projections.runs import RunStateError
from tests.factories import appended, known_user, metadata, user_created
from tests.factories import renamed as given_name
from tests.repairs import (
    as_operator,
    break_period,
    break_row,
    catch_up,
    checksums,
    everybody,
    is_fold,
    ran,
    started,
    told_of,
    users,
)
from users import services
from users.aggregate import USER
from users.commands import ChangeName, EraseUser
from users.values import ErasureGround

pytestmark = pytest.mark.usefixtures("committed_db")


def renamed(user_id: UUID, name: str) -> None:
    services.execute(ChangeName(user_id=user_id, name=name), metadata())


def events_of(run: ReprocessRun) -> list[tuple[str, str]]:
    events = store.read_stream(f"reprocess-{run.run_id}")
    return [(event.type, event.actor) for event in events]


def refused(token: str) -> tuple[str, ...]:
    with as_operator(), pytest.raises(StalePreviewError) as error:
        runs.start(token, reason="OPS-412")
    assert ReprocessRun.objects.count() == 0
    return error.value.moved


def test_a_preview_counts_what_is_wrong_and_writes_nothing() -> None:
    ada, bob, cleo, dora = users(4)
    break_row(ada, name="Bad", status="suspended")
    break_period(bob, email="bad@example.com")
    DirectoryEntry.objects.filter(user_id=cleo).delete()
    UserPeriod.objects.filter(user_id=cleo).delete()
    before = checksums()
    found = reprocess.preview_many(everybody())
    assert checksums() == before
    assert (found.users, found.checked, found.is_sample) == (4, 4, False)
    assert found.actions == {"change": 2, "create": 1, "nothing": 1}
    assert found.would_change == 3
    assert found.fields["directory.name"] == 2
    assert found.fields["history.v1 recorded+valid email"] == 2
    assert (found.events, found.position) == (4, store.watermark())
    told = [
        (d.name, d.now, d.after, d.set_by and d.set_by.version)
        for user_id, d in found.shown
        if user_id in {ada, bob, dora}
    ]
    right = USER.fold([e.payload for e in store.read_stream(USER.stream(bob))])
    assert right is not None
    assert sorted(told) == sorted(
        [
            ("directory.name", "Bad", _name(ada), 1),
            ("directory.status", "suspended", "active", 1),
            (
                "history.v1 recorded+valid email",
                "bad@example.com",
                right.email,
                1,
            ),
        ]
    )


def _name(user_id: UUID) -> str:
    (event,) = store.read_stream(USER.stream(user_id))
    name: str = event.payload.name
    return name


def test_a_run_makes_the_rows_the_fold_and_tells_itself_as_events() -> None:
    everyone = users(5)
    ada, bob, cleo = everyone[:3]
    ghost = uuid4()
    break_row(ada)
    break_period(bob)
    DirectoryEntry.objects.filter(user_id=cleo).delete()
    DirectoryEntry.objects.filter(user_id=everyone[3]).update(user_id=ghost)
    sent, owed = len(mail.outbox), Effect.objects.count()
    run = ran(everybody())
    assert all(is_fold(user_id) for user_id in everyone)
    assert not DirectoryEntry.objects.filter(user_id=ghost).exists()
    assert (run.state, run.checked, run.changed) == ("finished", 6, 5)
    assert (run.created, run.deleted, run.failed, run.later) == (2, 1, 0, 0)
    assert events_of(run) == [
        ("ReprocessStarted", "staff:root"),
        ("ReprocessAdvanced", "system:reprocess"),
        ("ReprocessAdvanced", "system:reprocess"),
        ("ReprocessFinished", "system:reprocess"),
    ]
    told = told_of(run.run_id)
    assert told.repaired[USER.stream(ada)] == ["directory.name"]
    assert told.repaired.keys() == {
        USER.stream(each) for each in [*everyone[:4], ghost]
    }
    assert (told.version, told.state, told.cursor, told.checked) == (
        run.version,
        run.state,
        run.cursor,
        run.checked,
    )
    assert (len(mail.outbox), Effect.objects.count()) == (sent, owed)
    assert reprocess.preview_many(everybody()).would_change == 0


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            ["name", "email", "status", "source", "version", "period", "gone"]
        ),
    ),
    max_size=6,
)


def broken(everyone: list[UUID], changes: list[tuple[int, str]]) -> None:
    for place, what in changes:
        row = DirectoryEntry.objects.filter(user_id=everyone[place])
        match what:
            case "gone":
                row.delete()
            case "period":
                UserPeriod.objects.filter(user_id=everyone[place]).update(name="Bad")
            case "version":
                row.update(version=99)
            case field:
                row.update(**{field: "suspended"})


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=CHANGES)
def test_what_a_preview_shows_is_what_a_run_does(
    committed_db: str, changes: list[tuple[int, str]]
) -> None:
    del committed_db
    everyone = users(4)
    broken(everyone, changes)
    scope = scopes.selected(everyone)
    shown = {
        (USER.stream(user_id), difference.name): difference.after
        for user_id, difference in reprocess.differences(scope)
    }
    before = _rows(everyone)
    run = ran(scope)
    done = {
        (stream, name)
        for stream, names in told_of(run.run_id).repaired.items()
        for name in names
    }
    after = _rows(everyone)
    moved = {
        place
        for place in before.keys() | after.keys()
        if before.get(place) != after.get(place)
    }
    assert done == shown.keys()
    assert moved == shown.keys()
    assert {place: after.get(place) for place in moved} == shown
    assert all(is_fold(user_id) for user_id in everyone)


def _rows(everyone: list[UUID]) -> dict[tuple[str, str], Any]:
    """Every field of every row, by the name that a preview gives it."""
    found = {}
    for model in READ_MODELS:
        for row in model.rows(everyone):
            for field in model.fields:
                name = f"{model.name}.{f'{model.place(row)} {field}'.strip()}"
                found[USER.stream(row.user_id), name] = getattr(row, field)
    return found


def test_refuses_other_code_than_was_previewed_and_says_which() -> None:
    (ada,) = users(1)
    break_row(ada)
    facts = reprocess.opened(reprocess.preview_many(everybody()).token)
    now = facts["code"]
    token = signing.dumps(facts | {"code": "0123456789ab"}, salt=reprocess.TOKEN_SALT)
    (said,) = refused(token)
    assert said == (
        "The projections' code changed since the preview: it was version"
        f" 0123456789ab and is {now}."
    )


def test_refuses_when_rows_moved_that_would_change_and_says_whose() -> None:
    ada, bob, cleo, dora = users(4)
    for user_id in (ada, bob, cleo):
        break_row(user_id)
    found = reprocess.preview_many(everybody())
    break_row(ada, name="Otherwise", status="suspended")
    break_row(bob, name=_name(bob))
    renamed(cleo, "Cleo")
    break_row(dora)
    catch_up()
    both = "directory.name, directory.status"
    assert sorted(refused(found.token)) == sorted(
        [
            f"user-{ada} differs otherwise than was shown: {both}.",
            f"user-{bob} no longer differs.",
            f"user-{cleo} has events after #{found.position}.",
            f"user-{dora} differs otherwise than was shown: directory.name.",
        ]
    )


def test_refuses_when_a_user_who_was_wrong_left_the_scope() -> None:
    (ada,) = users(1)
    break_row(ada, status="suspended")
    with as_operator():
        found = reprocess.preview_many(scopes.filtered("status=suspended"))
        break_row(ada, status="active")
    moved = refused(found.token)
    assert moved == ("A user of the preview is no longer in the scope.",)


def test_traffic_that_is_none_of_its_business_does_not_stop_a_run() -> None:
    ada, bob = users(2)
    break_row(ada)
    found = reprocess.preview_many(everybody())
    renamed(bob, "Bob")
    known_user()
    catch_up()
    with as_operator():
        run = runs.start(found.token, reason="OPS-412")
    assert runs.go_on(run.run_id)
    run.refresh_from_db()
    assert (run.checked, run.changed, is_fold(ada), is_fold(bob)) == (2, 1, True, True)


@pytest.mark.parametrize(
    "token", ["", "nonsense", signing.dumps("x", salt="reprocess")]
)
def test_refuses_a_token_of_no_preview(token: str) -> None:
    assert refused(token) == ()


def test_a_row_that_is_behind_is_right() -> None:
    ada, _bob = users(2)
    renamed(ada, "Ada King")
    known_user()
    found = reprocess.preview_many(everybody())
    assert (found.checked, found.would_change) == (3, 0)


def test_events_that_share_an_instant_are_no_difference() -> None:
    ada = USER.stream(uuid4())
    appended(ada, user_created(), given_name(new="Ada King"), given_name(new="Ada B."))
    catch_up()
    found = reprocess.preview_many(everybody())
    assert (found.events, found.actions) == (3, {"nothing": 1})


def test_a_row_that_lost_an_event_is_wrong_though_it_looks_only_behind() -> None:
    (ada,) = users(1)
    old = DirectoryEntry.objects.filter(user_id=ada).values(*directory.FIELDS).get()
    renamed(ada, "Ada King")
    catch_up()
    DirectoryEntry.objects.filter(user_id=ada).update(**old)
    assert reprocess.preview_many(everybody()).actions == {"change": 1}


def test_nothing_of_an_erased_person_comes_back() -> None:
    ada, bob = users(2)
    row = DirectoryEntry.objects.get(user_id=ada)
    services.execute(EraseUser(user_id=ada, ground=ErasureGround.REQUEST), metadata())
    # Not applied yet: the row is gone already, and nobody misses it.
    assert reprocess.preview_many(everybody()).would_change == 0
    catch_up()
    assert reprocess.preview_many(everybody()).would_change == 0
    row.save(force_insert=True)  # as somebody who restores an old copy would
    found = reprocess.preview_many(everybody())
    assert found.actions == {"delete": 1, "nothing": 1}
    assert {difference.after for _user, difference in found.shown} == {None}
    run = ran(everybody())
    assert (run.deleted, run.failed) == (1, 0)
    assert list(DirectoryEntry.objects.values_list("user_id", flat=True)) == [bob]
    assert not UserPeriod.objects.filter(user_id=ada).exists()


def test_pauses_resumes_and_cancels_each_as_an_event() -> None:
    (ada,) = users(1)
    break_row(ada)
    run = started(everybody())
    with as_operator():
        runs.pause(run.run_id, reason="lunch")
        assert runs.go_on(run.run_id)
        assert not is_fold(ada)
        with pytest.raises(RunStateError):
            runs.pause(run.run_id)
        runs.resume(run.run_id)
        runs.cancel(run.run_id, reason="wrong filter")
        assert runs.go_on(run.run_id)
        for change in (runs.pause, runs.resume, runs.cancel):
            with pytest.raises(RunStateError):
                change(run.run_id)
    assert not is_fold(ada)
    run.refresh_from_db()
    assert (run.state, run.note, run.ended_at is None) == (
        "cancelled",
        "wrong filter",
        False,
    )
    assert told_of(run.run_id).state == "cancelled"
    assert [kind for kind, _actor in events_of(run)] == [
        "ReprocessStarted",
        *["ReprocessChanged"] * 3,
    ]


def test_a_deploy_that_changes_the_code_pauses_a_run_until_somebody_resumes_it() -> (
    None
):
    (ada,) = users(1)
    break_row(ada)
    run = started(everybody())
    now = run.code
    ReprocessRun.objects.update(code="0123456789ab")
    assert runs.go_on(run.run_id)
    run.refresh_from_db()
    assert (run.state, is_fold(ada)) == ("paused", False)
    assert run.note == (
        f"The projections' code changed: it was version 0123456789ab and is {now}."
    )
    with as_operator():
        runs.resume(run.run_id)
    assert runs.go_on(run.run_id)
    assert is_fold(ada)


def test_a_user_who_cannot_be_derived_stops_nobody_else(superuser: None) -> None:
    del superuser
    ada, bob = users(2)
    break_row(ada)
    break_row(bob)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'position', nextval('events_position_seq'), 'version', 2,"
            " 'event_id', gen_random_uuid(), 'type', 'UserTeleported',"
            " 'data', '{}'::jsonb))).* FROM events AS e WHERE stream = %s",
            [USER.stream(ada)],
        )
    found = reprocess.preview_many(everybody())
    assert ([each.user_id for each in found.failed], found.would_change) == ([ada], 1)
    run = ran(everybody())
    assert (run.changed, run.failed, is_fold(bob)) == (1, 1, True)
    assert told_of(run.run_id).failed == [USER.stream(ada)]
