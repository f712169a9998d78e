"""Views are what their events say: saved, shared, deleted, made anew, raced for."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from eventstore import store
from eventstore.circumstances import acting
from eventstore.saved_views import keeping
from eventstore.saved_views.errors import (
    TooManyViewsError,
    ViewGoneError,
    ViewNameTakenError,
    ViewNotYoursError,
)
from eventstore.saved_views.events import ViewDeleted, ViewSaved, ViewShared
from eventstore.saved_views.keeping import Role
from eventstore.saved_views.models import SavedView
from tests.processes import somebody_waits_for_a_lock, wait_until

ADA, GRACE = 7, 8
LEADS, INTERNS = Role(pk=901, name="Leads"), Role(pk=902, name="Interns")
QUERY = "type=UserEmailChanged"
NAME = "Ändërungen 名前 <b>&"


def save(name: str = NAME, account: int = ADA, role: Role | None = None) -> UUID:
    with acting(actor=f"staff:{account}", source="admin", correlation_id=uuid4()):
        return keeping.save(name, QUERY, account=account, role=role)


def delete(view_id: UUID, account: int = ADA, **options: Any) -> str:
    with acting(actor=f"staff:{account}", source="admin", correlation_id=uuid4()):
        return keeping.delete(view_id, account=account, **options)


def table() -> list[tuple[Any, ...]]:
    return sorted(SavedView.objects.values_list(), key=str)


def payloads(view_id: UUID) -> list[object]:
    return [event.payload for event in store.read_stream(f"view-{view_id}")]


@pytest.mark.django_db
def test_a_view_is_seen_by_its_maker_or_by_all_who_have_the_role() -> None:
    Group.objects.bulk_create([Group(id=r.pk, name=r.name) for r in (LEADS, INTERNS)])
    ada, grace, root = (User.objects.create_user(name) for name in ("a", "g", "r"))
    grace.groups.add(INTERNS.pk)
    root.groups.add(LEADS.pk, INTERNS.pk)
    save("own", ada.pk)
    save("shared", ada.pk, LEADS)
    save("other's", grace.pk)
    save("for interns", grace.pk, INTERNS)
    for person, names in (
        (ada, ["own", "shared"]),
        (grace, ["for interns", "other's"]),
        (root, ["for interns", "shared"]),
    ):
        seen = keeping.seen_by(person.pk)
        assert sorted(view.name for view in seen.views) == names
        assert seen.mark == store.watermark()
    nobody = keeping.seen_by(0)
    assert (nobody.views, nobody.mark) == ([], store.watermark())
    assert [v.name for v in keeping.all_shared()] == ["for interns", "shared"]
    (own, _shared) = keeping.seen_by(ada.pk).views
    assert own == SavedView.objects.get(name="own")
    assert own.actor == f"staff:{ada.pk}"


@pytest.mark.django_db
def test_each_act_is_one_event_and_the_table_is_their_fold() -> None:
    own, shared = save(), save(role=LEADS)
    gone = save("gone")
    assert delete(gone) == "gone"
    assert payloads(own) == [ViewSaved(name=NAME, query=QUERY, maker=ADA)]
    assert payloads(shared) == [
        ViewShared(name=NAME, query=QUERY, maker=ADA, role="Leads", role_id=901)
    ]
    assert payloads(gone) == [
        ViewSaved(name="gone", query=QUERY, maker=ADA),
        ViewDeleted(name="gone"),
    ]
    before = table()
    assert len(before) == 2
    SavedView.objects.filter(pk=own).update(name="drifted")
    SavedView.objects.filter(pk=shared).delete()
    call_command("rebuild_views")
    assert table() == before


@pytest.mark.django_db
def test_a_name_is_taken_once_by_a_person_and_once_by_a_role() -> None:
    save("Refunds")
    for name in ("Refunds", "REFUNDS"):
        with pytest.raises(ViewNameTakenError, match="You have a view of this name"):
            save(name)
    save("Refunds", account=GRACE)
    save("Refunds", role=LEADS)
    save("Refunds", role=INTERNS)
    with pytest.raises(ViewNameTakenError, match="Leads has a view of this name"):
        save("refunds", account=GRACE, role=LEADS)
    assert SavedView.objects.count() == 4
    row = {"name": "reFunds", "query": QUERY, "account": ADA, "actor": "staff:x"}
    for odd in ({}, {"role_id": LEADS.pk, "account": 99}, {"name": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SavedView.objects.create(view_id=uuid4(), **row | odd)


@pytest.mark.django_db
def test_a_person_and_a_role_have_twenty_views_and_no_more() -> None:
    view_id = save("first")
    for number in range(1, keeping.MOST_VIEWS):
        save(str(number))
    for number in range(keeping.MOST_VIEWS):
        save(str(number), account=number, role=LEADS)
    with pytest.raises(TooManyViewsError, match="You have 20 views already"):
        save("one more")
    with pytest.raises(TooManyViewsError, match="Leads has 20 views already"):
        save("one more", account=99, role=LEADS)
    delete(view_id)
    save("one more")
    save("one more", account=GRACE)


@pytest.mark.django_db
def test_only_its_maker_deletes_a_view_and_a_superuser_a_shared_one() -> None:
    own, shared = save(), save(role=LEADS)
    for options in ({}, {"is_superuser": True}):
        with pytest.raises(ViewGoneError):
            delete(own, account=GRACE, **options)
    with pytest.raises(ViewNotYoursError):
        delete(shared, account=GRACE)
    delete(shared, account=GRACE, is_superuser=True)
    delete(own)
    for view_id in (own, shared, uuid4()):
        with pytest.raises(ViewGoneError):
            delete(view_id)
    assert [len(payloads(each)) for each in (own, shared)] == [2, 2]


def raced(*acts: Any) -> list[object]:
    """Run *acts* at once, each in a session of its own; what each came to."""
    came: list[object] = [None] * len(acts)

    def run(place: int) -> None:
        try:
            came[place] = acts[place]()
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            came[place] = type(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[n]) for n in range(len(acts))]
    with transaction.atomic():
        keeping._hold()  # noqa: SLF001 - the gate that all of them wait at
        for thread in threads:
            thread.start()
        wait_until(somebody_waits_for_a_lock)
    for thread in threads:
        thread.join()
    return came


@pytest.mark.usefixtures("committed_db", "superuser")
def test_of_many_at_once_each_is_right() -> None:
    came = raced(*[lambda: save("same")] * 4)
    assert came.count(ViewNameTakenError) == 3
    for number in range(keeping.MOST_VIEWS - 2):
        save(str(number))
    came = raced(*[lambda n=n: save(f"last {n}") for n in range(4)])
    assert came.count(TooManyViewsError) == 3
    assert SavedView.objects.filter(account=ADA).count() == keeping.MOST_VIEWS
    (view_id,) = SavedView.objects.filter(name="same").values_list("pk", flat=True)
    came = raced(*[lambda: delete(view_id)] * 3)
    assert sorted(came, key=str) == [ViewGoneError, ViewGoneError, "same"]
    before = table()
    raced(lambda: save("meanwhile", GRACE), keeping.rebuild)
    assert len(table()) == len(before) + 1
