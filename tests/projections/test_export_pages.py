"""Asking for a file, step by step, as a browser without scripts does."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from eventstore.exports.models import Export
from projections.admin import exports
from tests.backoffice import (
    EVENTS,
    USERS,
    attribute,
    catch_up,
    in_role,
    proved,
    regions,
    staff,
    superuser,
    text,
)
from tests.exports import opened, work
from tests.factories import ADA, appended, known_user

NEW = "/admin/exports/new/"
FORM = {"form": "csv", "columns": ["position", "type"], "reason": "OPS-412"}
PASSWORD = "a password of the tests"


@pytest.fixture
def log(committed_db: str) -> None:
    del committed_db
    known_user(ADA, name="Ada Byron", email="ada@example.com")
    appended("order-1")
    catch_up()


def fetched(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


@pytest.mark.usefixtures("log")
def test_from_the_filtered_list_to_the_file() -> None:
    client = superuser()
    listed = client.get(EVENTS, {"stream": "ada@example.com", "before": "2"})
    url = attribute(listed, "export", "href")
    form = client.get(url)
    assert text(form, "asked") == f"stream=user-{ADA}"
    begun = client.post(url, FORM)
    assert begun.status_code == 303
    page = client.get(begun["Location"])
    (export,) = Export.objects.all()
    assert export.sha256 in (text(page, "facts") or "")
    assert "Refresh" not in page
    answer = client.get(attribute(page, "download", "href"))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="annals-ev')
    whole = fetched(answer)
    assert int(answer["Content-Length"]) == len(whole)
    assert whole.splitlines()[12:] == [b"position,type", b"1,UserCreated"]
    assert "no-store" in answer["Cache-Control"]
    assert "OPS-412" in (text(client.get("/admin/exports/"), "exports") or "")
    audit = text(client.get("/admin/audit/"), "events-table") or ""
    assert f"root exported 1 events (stream=user-{ADA}) via back office" in audit


@pytest.mark.usefixtures("log")
def test_every_list_leads_to_its_export_with_its_filter() -> None:
    client = superuser()
    for url, query, words in (
        (USERS, {"status": "active", "cursor": "x"}, "status=active"),
        ("/admin/eventstore/stream/", {"category": "user"}, "category=user"),
        ("/admin/audit/", {"actor": "staff:ada"}, "actor=staff:ada"),
        (EVENTS, {"type": ["UserCreated"], "limit": "25"}, "type=UserCreated"),
    ):
        link = attribute(client.get(url, query), "export", "href")
        assert text(client.get(link), "asked") == words
    assert regions(client.get(EVENTS, {"around": "2026-11-06"}), "export") == []
    assert regions(in_role("Viewer").get(EVENTS), "export") == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "place", "says"),
    [
        ({"kind": "events", "since": "tomorrowish"}, EVENTS, "Enter a time"),
        ({"kind": "events", "around": "now"}, EVENTS, "use “From” and “Before”"),
        ({"kind": "events", "stream": "no@body.example"}, EVENTS, "No user has"),
        ({"kind": "users", "status": "odd"}, USERS, "Select a valid choice"),
    ],
)
def test_a_filter_that_is_not_understood_exports_nothing(
    query: dict[str, str], place: str, says: str
) -> None:
    client = superuser()
    answer = client.post(f"{NEW}?{_encoded(query)}", FORM)
    assert (answer.status_code, answer["Location"]) == (303, place)
    assert says in client.get(place).content.decode()
    assert not Export.objects.exists()


@pytest.mark.django_db
def test_what_is_no_list_is_not_exported() -> None:
    client = superuser()
    assert client.get(f"{NEW}?kind=secrets").status_code == 404
    assert client.get(f"/admin/exports/{ADA}/").status_code == 404
    assert client.get(f"/admin/exports/{ADA}/file").status_code == 404


def _encoded(query: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in query.items())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"reason": ""}, "Reason"),
        ({"reason": "a\x00b"}, "Reason"),
        ({"columns": []}, "Columns"),
        ({"columns": ["salt"]}, "salt"),
        ({"form": "xlsx"}, "Format"),
        ({"zone": "../../etc/passwd"}, "There is no such zone"),
    ],
)
def test_a_form_that_makes_no_sense_is_shown_again_with_why(
    changed: dict[str, Any], says: str
) -> None:
    answer = superuser().post(NEW, FORM | changed)
    assert answer.status_code == 422
    assert says in (text(answer, "error-summary") or "")
    assert not Export.objects.exists()


@pytest.mark.django_db
def test_the_password_is_asked_for_and_what_was_typed_is_there_again() -> None:
    person = User.objects.create_superuser("grace", password=PASSWORD)
    client = Client()
    client.force_login(person)
    proved(client, seconds_ago=301)
    url = f"{NEW}?kind=users&status=active"
    assert client.get(url).status_code == 200
    asked = client.post(url, {**FORM, "columns": ["id", "email"], "zone": "Asia/Tokyo"})
    assert asked.status_code == 302
    assert not Export.objects.exists()
    back = client.post(asked["Location"], {"password": PASSWORD})
    assert (back.status_code, back["Location"]) == (303, url)
    form = client.get(url)
    assert 'value="Asia/Tokyo"' in form.content.decode()
    assert form.context["form"]["columns"].value() == ["id", "email"]
    assert client.post(url, {**FORM, "columns": ["id"]}).status_code == 303


@pytest.mark.usefixtures("log")
def test_persons_are_masked_unless_asked_for_by_whoever_sees_them() -> None:
    may = ("eventstore.export_events", "projections.view_directoryentry")
    blind = staff(*may)
    form = {**FORM, "columns": ["name"], "personal": "on"}
    assert "may not see them" in blind.get(f"{NEW}?kind=users").content.decode()
    blind.post(f"{NEW}?kind=users", form)
    refused = blind.post(f"{NEW}?kind=users&q=Ada", form)
    assert refused["Location"] == USERS
    sees = staff(*may, "eventstore.view_personal_data")
    sees.post(f"{NEW}?kind=users", {**form, "personal": ""})
    sees.post(f"{NEW}?kind=users", form)
    found = Export.objects.order_by("started_at")
    names = [opened(each)[1][0]["name"] for each in found]
    assert names == ["(masked)", "(masked)", "Ada Byron"]


@pytest.mark.usefixtures("log")
def test_a_file_is_its_maker_s_as_long_as_they_may_see_what_it_holds() -> None:
    maker = superuser()
    maker.post(f"{NEW}?kind=users", {**FORM, "columns": ["name"], "personal": "on"})
    (export,) = Export.objects.all()
    url = f"/admin/exports/{export.pk}/"
    for path in (url, f"{url}file"):
        assert in_role("Lead").get(path).status_code == 404
    person = User.objects.get(username="root")
    person.is_superuser = False
    person.user_permissions.add(
        Permission.objects.get(codename="export_events"),
        Permission.objects.get(codename="view_directoryentry"),
    )
    person.save()
    assert maker.get(f"{url}file").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_personal_data"))
    assert b"Ada Byron" in fetched(maker.get(f"{url}file"))
    assert staff("eventstore.export_events").get(f"{NEW}?kind=users").status_code == 403


@pytest.mark.usefixtures("log")
def test_what_is_large_is_left_to_workers_and_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE_SECONDS", 0)
    client = superuser()
    begun = client.post(NEW, FORM)
    page = client.get(begun["Location"])
    assert "0 rows written" in (text(page, "progress") or "")
    assert page["Refresh"] == "2"
    assert "Refresh" not in client.get(f"{begun['Location']}?still")
    early = client.get(f"{begun['Location']}file")
    assert (early.status_code, early["Location"]) == (303, begun["Location"])
    again = client.post(NEW, FORM)
    assert again.status_code == 409
    assert "still being made" in (text(again, "error-summary") or "")
    (export,) = Export.objects.all()
    assert work(export.pk)
    assert text(client.get(begun["Location"]), "download")
    Export.objects.update(state="withdrawn")
    assert "was erased" in (text(client.get(begun["Location"]), "withdrawn") or "")
    Export.objects.update(state="failed", error="KeyError at x.py:1")
    assert "KeyError at" in (text(client.get(begun["Location"]), "failed") or "")
