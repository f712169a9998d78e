from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.http import QueryDict
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from eventstore.admin.instants import InstantBound, InstantField, absolute

FIVE = (
    *("Europe/Berlin", "America/New_York", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "UTC"),
)
# Around the nights in which one of them changes its clocks.
NIGHTS = [datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 10, 11)]


class AskedForm(forms.Form):
    since = InstantField(label="From")
    around = InstantField(label="Around", widget=forms.TextInput)


def _choices(form: AskedForm) -> list[tuple[str, str]]:
    bound = form["since"]
    assert isinstance(bound, InstantBound)
    return bound.choices


@given(
    zone=st.sampled_from(FIVE),
    night=st.sampled_from(NIGHTS),
    half_seconds=st.integers(0, 33 * 86_400 * 2),
)
def test_what_a_field_shows_is_read_as_the_same_instant(
    zone: str, night: datetime, half_seconds: int
) -> None:
    known = night + timedelta(seconds=half_seconds / 2)
    with timezone.override(ZoneInfo(zone)):
        first = AskedForm({"since": known.isoformat(), "around": known.isoformat()})
        shown = {name: first[name].value() for name in first.fields}
        again = AskedForm(shown)
        assert again.is_valid()
    assert set(again.cleaned_data.values()) == {known}


@pytest.mark.parametrize(
    ("typed", "shown", "kind"),
    [
        ("2026-11-06T15:00:00Z", "2026-11-06T16:00:00", "datetime-local"),
        ("2026-11-06T15:00", "2026-11-06T15:00:00", "datetime-local"),
        ("2026-11-06T15:00:00.5Z", "2026-11-06 16:00:00.500000+01:00", "text"),
        ("2026-10-25T00:30:00Z", "2026-10-25 02:30:00+02:00", "text"),
        ("2026-10-25T02:30", "2026-10-25T02:30", "text"),
        ("soon", "soon", "text"),
        ("", "", "datetime-local"),
    ],
)
def test_an_input_for_times_shows_the_reader_s_clock_or_is_one_for_text(
    typed: str, shown: str, kind: str
) -> None:
    with timezone.override("Europe/Berlin"):
        field = AskedForm({"since": typed})["since"]
        html = str(field)
        assert field.label == "From (Europe/Berlin)"
    assert f'type="{kind}"' in html
    assert (f'value="{shown}"' in html) is bool(shown)


@pytest.mark.parametrize(
    ("typed", "said", "choices"),
    [
        (
            *("2026-10-25T02:30", "The clock showed this twice"),
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        ),
        (
            *("2026-03-29T02:30", "The clock never showed this"),
            ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"],
        ),
        ("soon", "Enter a time such as", []),
        ("x" * 101, "Ensure this value has at most 100 characters", []),
        ("2026-11-06\x00", "Null characters are not allowed.", []),
    ],
)
def test_what_was_not_once_offers_what_may_be_meant(
    typed: str, said: str, choices: list[str]
) -> None:
    query = QueryDict(mutable=True)
    query.update({"since": typed, "actor": "staff:ada"})
    with timezone.override("Europe/Berlin"):
        form = AskedForm(query)
        assert said in form.errors["since"][0]
        offered = [QueryDict(place[1:]) for _words, place in _choices(form)]
    assert [each["since"] for each in offered] == choices
    assert {each["actor"] for each in offered} == ({"staff:ada"} if choices else set())


def test_an_address_is_rewritten_until_its_instants_are_in_utc() -> None:
    page = RequestFactory().get("/x/", {"since": "2026-11-06T15:00", "before": "7"})
    with timezone.override("Asia/Kathmandu"):
        moved = absolute(page, AskedForm(page.GET), less=["before"])
        assert moved is not None
        assert moved["Location"] == "/x/?since=2026-11-06T09%3A15%3A00Z"
        there = RequestFactory().get(moved["Location"])
        assert absolute(there, AskedForm(there.GET)) is None
        wrong = RequestFactory().get("/x/?since=soon&before=7")
        assert absolute(wrong, AskedForm(wrong.GET), less=["before"]) is None
