"""Staff read in their language; machines, the log and the REST API hear English."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import read_mo
from django.contrib.humanize.templatetags.humanize import intcomma
from django.test import Client, override_settings
from django.utils import translation

from eventstore import labels, sentences, store
from eventstore.errors import (
    NoRebuildError,
    SubscriptionRunsError,
    SwitchRefusedError,
)
from eventstore.templatetags.backoffice import elapsed, precise
from eventstore.wording import worded
from projections import scopes
from projections.admin.goto import POSITION
from projections.scopes import ScopeError
from tests import messages
from tests.backoffice import (
    EVENTS,
    superuser,
    text,
    user_url,
)
from tests.factories import ADA, NOON, known_user
from tests.rest import client as api_client
from users.aggregate import USER
from users.errors import StatusTransitionError

PLACE = "/admin/zone/"
TALK = UUID("00000000-0000-4000-8000-0000000000c0")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{[^}]*\}|</?strong>")


def reader(**cookies: str) -> Client:
    client = superuser()
    for name, value in cookies.items():
        client.cookies[name] = value
    return client


@pytest.mark.parametrize("language", messages.languages())
def test_a_catalogue_says_all_that_the_code_says_and_nothing_else(
    language: str,
) -> None:
    found, marked = messages.catalogue(language), messages.marked()
    assert _ids(found) == _ids(marked)
    assert [each.id for each in found if each.fuzzy and each.id] == []
    assert not found.obsolete


@pytest.mark.parametrize("language", messages.languages())
def test_a_translation_is_there_and_keeps_every_placeholder(language: str) -> None:
    found = messages.catalogue(language)
    assert [each.id for each in found if each.id and not _is_whole(each)] == []


@pytest.mark.parametrize("language", messages.languages())
def test_the_compiled_catalogue_is_made_of_the_written_one(language: str) -> None:
    path = messages.LOCALE / language / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        compiled = read_mo(file)
    assert _strings(compiled) == _strings(messages.catalogue(language))


@pytest.mark.django_db
def test_a_language_is_chosen_for_a_browser_which_is_asked_until_then() -> None:
    client = superuser()
    assert text(client.get(EVENTS), "language") == "EN"
    german = {"Accept-Language": "fr;q=0.9, de-AT;q=0.8"}
    page = client.get(EVENTS, headers=german)
    assert text(page, "language") == "DE"
    assert page["Content-Language"] == "de"
    assert {"Accept-Language", "Cookie"} <= set(page["Vary"].split(", "))
    answer = client.post(PLACE, {"zone": "UTC", "language": "en"}, headers=german)
    assert (answer.status_code, answer.cookies["language"]["httponly"]) == (303, True)
    assert text(client.get(EVENTS, headers=german), "language") == "EN"
    client.post(PLACE, {"zone": "UTC", "language": ""})
    assert text(client.get(EVENTS, headers=german), "language") == "DE"


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["xx", "../../etc/passwd", "de\n", "d" * 5000])
def test_a_language_that_is_none_is_refused_and_a_forged_cookie_is_english(
    language: str,
) -> None:
    chosen = {"zone": "UTC", "language": language}
    assert superuser().post(PLACE, chosen).status_code == 422
    assert text(reader(language=language).get(EVENTS), "language") == "EN"


@pytest.mark.django_db
def test_the_log_in_page_guesses_from_the_browser() -> None:
    page = Client().get("/admin/login/", headers={"Accept-Language": "de"})
    assert '<html lang="de" dir="ltr"' in page.content.decode()
    assert "Anmelden" in page.content.decode()


@pytest.mark.django_db
def test_the_api_is_in_english_whatever_is_asked_for() -> None:
    known_user(ADA)
    client = api_client()
    client.cookies["language"] = "de"
    answer = client.post(
        "/api/v1/users",
        {"name": "", "email": "x"},
        content_type="application/json",
        headers={"Accept-Language": "de"},
    )
    assert answer.status_code == 400
    assert "may not be blank" in answer.content.decode()


@pytest.mark.django_db
def test_a_refusal_is_in_the_language_of_the_reader_and_the_log_in_english() -> None:
    known_user(ADA)
    client = reader(language="de")
    url = user_url(ADA, "commands/change-email/")
    told = client.post(url, {"email": "keine", "expected_version": "1"})
    assert "Geben Sie eine gültige E-Mail-Adresse ein." in told.content.decode()
    client.post(
        user_url(ADA, "commands/change-status/"),
        {"status": "suspended", "reason": "", "expected_version": "1"},
    )
    event = store.read_stream(USER.stream(ADA))[-1]
    assert event.data == {
        "old_status": "active",
        "new_status": "suspended",
        "reason": "",
    }
    with translation.override("de"):
        assert sentences.sentence(event) == (
            "root hat den Status von aktiv in gesperrt geändert, über Backoffice"
        )
    assert "gesperrt" not in str(sentences.sentence(event))


def test_an_error_speaks_english_until_somebody_reads_it() -> None:
    error = StatusTransitionError(ADA, old="deactivated", new="suspended")
    with translation.override("de"):
        assert str(error) == "A user who is deactivated cannot become suspended."
        assert labels.refusal(error) == (
            "Ein Benutzer, der deaktiviert ist, kann nicht gesperrt werden."
        )
        assert labels.refusal(SubscriptionRunsError("streams")) == (
            "Das Abonnement streams ist nicht angehalten."
        )
        late = SwitchRefusedError(
            "streams", worded("it is too far behind; wait a while")
        )
        assert labels.refusal(late) == (
            "streams wurde nicht umgeschaltet:"
            " er liegt zu weit zurück; warten Sie etwas."
        )
        assert labels.refusal(NoRebuildError("streams", "resume")) == (
            "Zu streams gibt es keinen Neuaufbau zum Fortsetzen."
        )
        with pytest.raises(ScopeError) as many:
            scopes.selected([uuid4() for _ in range(1_001)])
        assert str(many.value) == "At most 1,000 users can be named; use a filter."
        assert labels.refusal(many.value) == (
            "Höchstens 1.000 Benutzer lassen sich nennen; verwenden Sie einen Filter."
        )
        assert labels.said(scopes.filtered("").told) == (
            "Benutzer, gefunden durch keinen Filter"
        )
        assert labels.refusal(ValueError("as it is")) == "as it is"
        assert labels.refusal(ValueError()) == ""


@pytest.mark.django_db
def test_times_are_written_as_the_language_writes_them() -> None:
    known_user(ADA)
    page = reader(language="de", zone="Europe/Berlin").get(user_url(ADA))
    told = r"\d{1,2}\. \w{3} \d{4}, \d\d:\d\d:\d\d CES?T"
    assert re.search(told, page.content.decode())


def test_numbers_are_written_and_read_as_the_language_writes_them() -> None:
    with translation.override("de"):
        assert intcomma(1_234_567) == "1.234.567"
        assert elapsed(timedelta(seconds=1.5)) == "1,5 s"
        assert precise(NOON) == "6. Nov 2026, 12:00:00,000 UTC"
    assert elapsed(timedelta(seconds=1.5)) == "1.5 s"
    assert precise(NOON) == "6 Nov 2026, 12:00:00.000 UTC"
    assert POSITION.fullmatch("#1.234.567")
    assert POSITION.fullmatch("#1,234,567")
    assert not POSITION.fullmatch("#1.23")


@pytest.mark.django_db
def test_a_language_that_runs_leftward_turns_the_page() -> None:
    with override_settings(LANGUAGES=[("en", "English"), ("ar", "العربية")]):
        page = superuser().get(EVENTS, headers={"Accept-Language": "ar"})
    assert '<html lang="ar" dir="rtl"' in page.content.decode()


def _ids(found: Any) -> set[tuple[Any, str | None]]:
    return {(each.id, each.context) for each in found if each.id}


def _strings(found: Any) -> dict[Any, Any]:
    return {
        (messages.strings(each.id), each.context): messages.strings(each.string)
        for each in found
        if each.id
    }


def _is_whole(message: Message) -> bool:
    told = messages.strings(message.string)
    wanted = sorted(PLACEHOLDER.findall(messages.strings(message.id)[-1]))
    # One of a thing may be said without its number.
    return all(told) and sorted(PLACEHOLDER.findall(told[-1])) == wanted
