"""The tab "Explain": each field by the event that set it, and what it was before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import store
from eventstore.events import SALESFORCE, RecordedEvent
from projections import queries
from projections.admin.explaining import Explanation, explain
from projections.directory import DIRECTORY
from projections.queries import FIELDS
from tests.backoffice import attribute, regions, staff, superuser, text, user_url
from tests.factories import ADA, appended, known_user, metadata, recorded, user_created
from users import services
from users.aggregate import USER
from users.commands import ChangeEmail, ChangeName, EraseUser
from users.events import UserEmailChanged, UserNameChanged, UserStatusChanged
from users.values import ErasureGround, Status

pytestmark = pytest.mark.django_db
RUN = UUID("00000000-0000-4000-8000-00000000e0e0")
RECORD = UUID("00000000-0000-4000-8000-00000000e0e1")

LETTERS = st.sampled_from("abc")  # few, so that values come back and stay
CHANGES = st.one_of(
    st.builds(UserNameChanged, old_name=LETTERS, new_name=LETTERS),
    st.builds(UserEmailChanged, old_email=LETTERS, new_email=LETTERS),
    st.builds(
        UserStatusChanged,
        old_status=st.just(Status.ACTIVE),
        new_status=st.sampled_from([Status.ACTIVE, Status.SUSPENDED]),
        reason=st.just(""),
    ),
)


def values(events: list[RecordedEvent], name: str) -> list[str | None]:
    """A field before the first event, and after each, every one folded anew."""
    payloads = [event.payload for event in events]
    states = [USER.fold(payloads[:count]) for count in range(len(events) + 1)]
    return [None if state is None else str(getattr(state, name)) for state in states]


@given(changes=st.lists(CHANGES, max_size=12), cut=st.integers(0, 13))
def test_the_event_is_the_last_that_wrote_another_value(
    changes: list[Any], cut: int
) -> None:
    events = [
        recorded(payload, version=number, position=number)
        for number, payload in enumerate([user_created(), *changes], 1)
    ][:cut]
    explained = {each.name: each for each in explain(queries.told(events)).fields}
    for name in FIELDS:
        was = values(events, name)
        writers = [n for n, event in enumerate(events, 1) if was[n] != was[n - 1]]
        found = explained[name]
        assert found.value == was[-1]
        assert found.set_by == (events[writers[-1] - 1] if writers else None)
        assert [each.value for each in found.earlier] == [
            was[n] for n in writers[:-1][::-1]
        ]
        assert [each.set_by.version for each in found.earlier] == writers[:-1][::-1]
        assert found.replaced == (was[writers[-2]] if len(writers) > 1 else None)


def told(**query: str) -> Explanation:
    page = superuser().get(user_url(ADA), {"tab": "explain", **query})
    found: Explanation = page.context["explanation"]
    return found


def renamed_twice() -> list[RecordedEvent]:
    known_user(ADA, email="ada@example.com")
    for name in ("Ada King", "Ada Lovelace"):
        services.execute(ChangeName(user_id=ADA, name=name), metadata())
    return store.read_stream(USER.stream(ADA))


def test_the_tab_tells_value_event_and_what_was_before() -> None:
    created, first, last = renamed_twice()
    page = superuser().get(user_url(ADA) + "?tab=explain")
    said = text(page, "explained-name") or ""
    assert said.startswith(
        f"name Ada Lovelace #{last.position:,} , by REST client tests, via REST API,"
        " ChangeName"
    )
    assert f"Ada King 2 earlier values Ada King #{first.position:,} , by" in said
    assert f"Ada Byron #{created.position:,} , by" in said
    email = text(page, "explained-email") or ""
    assert email.endswith("UTC —")
    source = text(page, "derived-source") or ""
    assert source.startswith(f"source REST API #{created.position:,}")
    version = text(page, "derived-version") or ""
    assert version.startswith(f"version 3 #{last.position:,}")
    lead = text(page, "derived") or ""
    assert "The projection directory makes these of 3 events. Code version:" in lead
    assert DIRECTORY.digest[:12] in lead


def test_the_past_is_explained_too_and_tabs_keep_the_moment() -> None:
    renamed_twice()
    (name, *_others) = told(v="2").fields
    assert (name.value, name.replaced) == ("Ada King", "Ada Byron")
    assert [each.value for each in told(at="2020-01-01T00:00:00Z").fields] == [None] * 3
    page = superuser().get(user_url(ADA) + "?tab=explain&v=2")
    assert attribute(page, "tab-history", "href") == "?tab=history&v=2"
    assert attribute(page, "tt-now", "href") == "?tab=explain"
    wrong = superuser().get(user_url(ADA) + "?tab=explain&v=99")
    assert text(wrong, "tt-error") == "There are only 3 versions."


def test_an_erased_person_is_explained_by_the_erasure() -> None:
    renamed_twice()
    erase = EraseUser(user_id=ADA, ground=ErasureGround.REQUEST)
    services.execute(erase, metadata())
    explanation = told()
    each = explanation.fields[0]
    assert each.set_by
    assert each.set_by.version == 4
    assert [derived.value for derived in explanation.derived] == [None] * 5


def test_who_may_not_see_people_sees_who_set_what_and_no_value() -> None:
    renamed_twice()
    services.execute(ChangeEmail(user_id=ADA, email="quux@example.com"), metadata())
    client = staff("projections.view_directoryentry")
    page = client.get(user_url(ADA) + "?tab=explain")
    assert text(page, "explained-name").count("(masked)") == 4  # type: ignore[union-attr]
    for word in ("Byron", "King", "Lovelace", "quux", "ada@"):
        assert word not in page.content.decode()
    assert "ChangeName" in (text(page, "explained-name") or "")
    assert f"/admin/c/{RUN}" not in page.content.decode()


@pytest.mark.parametrize("name", ["explained", "<b>", "x" * 5000, "salesforce "])
def test_a_tab_that_is_none_says_so(name: str) -> None:
    known_user(ADA)
    page = superuser().get(user_url(ADA), {"tab": name})
    assert (text(page, "no-tab") or "").startswith("There is no tab “")
    assert regions(page, "history") != []
    assert "<b>" not in page.content.decode()


def test_what_a_run_did_leads_to_the_run_and_the_record() -> None:
    extra = {"run": str(RUN), "record": "0035g00000XyZabAAF"}
    about = appended(
        USER.stream(ADA), source=SALESFORCE, correlation_id=RUN, extra=extra
    )
    run = f"/admin/users/salesforcerun/{RUN}/"
    record = "/admin/eventstore/rawrecord/?source=salesforce&text=0035g00000XyZabAAF"
    client = superuser()
    event = f"/admin/eventstore/event/{about.position}/"
    for place in (event, user_url(ADA), user_url(ADA) + "?tab=explain"):
        page = client.get(place)
        assert attribute(page, "to-run", "href") == run
        assert attribute(page, "to-raw", "href") == record
    seer = staff("projections.view_directoryentry").get(user_url(ADA))
    assert regions(seer, "to-run") + regions(seer, "to-raw") == []


def test_what_came_in_leads_to_the_record_and_nonsense_nowhere() -> None:
    raw = {"raw": str(RECORD), "run": "../../nothing"}
    appended(USER.stream(ADA), extra=raw)
    page = superuser().get(user_url(ADA))
    assert regions(page, "to-run") == []
    assert attribute(page, "to-raw", "href").endswith(f"/rawrecord/{RECORD}/")


def test_the_export_is_of_the_stream() -> None:
    known_user(ADA)
    page = superuser().get(user_url(ADA))
    where = f"/admin/exports/new/?kind=events&stream=user-{ADA}"
    assert attribute(page, "export", "href") == where
    seer = staff("projections.view_directoryentry").get(user_url(ADA))
    assert regions(seer, "export") == []
