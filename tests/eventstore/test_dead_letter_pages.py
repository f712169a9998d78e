from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries

from eventstore import heartbeats, quarantine, store, subscriptions
from eventstore.models import DeadLetter, Heartbeat
from tests.backoffice import regions, staff, superuser, text
from tests.eventstore.test_dead_letters import get_no_answer, listed, picky, poisoned
from tests.eventstore.test_quarantine import letters

__all__ = ["listed"]
pytestmark = pytest.mark.usefixtures("committed_db", "listed")
LETTERS = "/admin/eventstore/deadletter/"
SUBSCRIPTIONS = "/admin/eventstore/subscription/"
SEE = "eventstore.view_deadletter"
CHANGE = "eventstore.change_deadletter"


def group_url(action: str) -> str:
    letter = DeadLetter.objects.first()
    assert letter
    return f"{LETTERS}group/{letter.fingerprint}/{action}/"


def test_says_that_nothing_is_stuck_and_when_that_was_looked_at() -> None:
    client = superuser()
    said = text(client.get(LETTERS), "empty") or ""
    assert said.startswith("Nothing is stuck. No worker has looked yet.")
    heartbeats.beat(*(each.name for each in subscriptions.all_subscriptions()))
    Heartbeat.objects.filter(subscription="picky").update(
        beaten_at=Now() - timedelta(minutes=3, seconds=5)
    )
    said = text(client.get(LETTERS), "empty") or ""
    assert said.startswith("Nothing is stuck. Last checked 3 min 5 s ago.")


def test_a_group_shows_one_of_its_events_masked_for_whom_it_is_personal() -> None:
    poisoned("user-1")
    created = "Last: REST client tests created {} with e-mail {} via REST API"
    plain = created.format("Ada Byron", "ada@example.com")
    assert regions(superuser().get(LETTERS), "sample") == [plain]
    masked = created.format("(masked)", "(masked)")
    client = staff(SEE, "eventstore.view_storedevent")
    assert regions(client.get(LETTERS), "sample") == [masked]
    assert regions(staff(SEE).get(LETTERS), "sample") == []


def test_a_letter_tells_its_attempts_and_whether_its_code_changed_since() -> None:
    (letter,) = poisoned("user-1")
    client = superuser()
    client.post(f"{LETTERS}{letter.pk}/retry/")
    letter.refresh_from_db()
    assert len(letter.failed_at) == letter.attempts == 2
    assert list(letter.code) == ["tests.eventstore.test_quarantine"]
    page = client.get(f"{LETTERS}{letter.pk}/")
    assert str(page.content).count("<li><time") == 2
    assert regions(page, "code-changed") == []
    DeadLetter.objects.update(code={"tests.eventstore.test_quarantine": "0" * 12})
    for url in (f"{LETTERS}{letter.pk}/", LETTERS):
        assert regions(client.get(url), "code-changed") == ["Code changed since"]
    DeadLetter.objects.update(code={"a.module.that.went": "0" * 12})
    assert regions(client.get(LETTERS), "code-changed") == []


def test_lists_the_groups_and_their_letters() -> None:
    one, two = poisoned("user-1", "user-2")
    page = superuser().get(LETTERS)
    groups = text(page, "groups") or ""
    assert f"{one.error} picky 2 0 " in groups
    said = text(page, "letters") or ""
    assert f" {one.pk} #1 UserCreated user-1 picky Trying again 1 " in said
    chosen = superuser().get(LETTERS, {"group": two.fingerprint})
    assert f" {two.pk} #3 UserCreated user-2 picky " in (text(chosen, "letters") or "")


def test_shows_one_letter_and_what_waits_behind_it() -> None:
    (letter,) = poisoned("user-1")
    page = superuser().get(f"{LETTERS}{letter.pk}/")
    assert text(page, "waiting") == "2 events waiting for this person"
    assert letter.error in (text(page, "letter") or "")
    assert superuser().get(f"{LETTERS}99/").status_code == 404


def test_a_retry_applies_it_and_says_so() -> None:
    (letter,) = poisoned("user-1")
    picky.poison.clear()
    page = superuser().post(f"{LETTERS}{letter.pk}/retry/", follow=True)
    assert page.redirect_chain == [(LETTERS, 303)]
    assert b"Applied. The stream keeps up again." in page.content
    assert picky.of("user-1") == [1, 2]
    again = superuser().post(f"{LETTERS}{letter.pk}/retry/", follow=True)
    assert f"There is no open dead letter {letter.pk}." in again.content.decode()


def test_a_retry_that_fails_once_more_leads_back_to_the_letter() -> None:
    (letter,) = poisoned("user-1")
    url = f"{LETTERS}{letter.pk}/"
    page = superuser().post(f"{url}retry/", follow=True)
    assert page.redirect_chain == [(url, 303)]
    assert f"It failed once more: {letter.error}." in page.content.decode()


def test_nothing_is_skipped_without_a_reason() -> None:
    (letter,) = poisoned("user-1")
    url = f"{LETTERS}{letter.pk}/skip/"
    page = superuser().post(url, {"reason": " "})
    assert page.status_code == 422
    assert "This field is required." in (text(page, "skip-card") or "")
    assert letters() == [("user-1", 1, "waiting", 1)]
    done = superuser().post(url, {"reason": "OPS-412"}, follow=True)
    assert b"Skipped. The stream keeps up again." in done.content
    (fact,) = store.read_stream("subscription-picky")
    assert (fact.actor, fact.payload.reason) == ("staff:root", "OPS-412")


def test_the_canary_says_how_it_fared() -> None:
    poisoned("user-1", "user-2")
    picky.poison = {("user-1", 1)}
    page = superuser().post(group_url("canary"), follow=True)
    assert b"1 applied, 1 failed again." in page.content


def test_a_group_is_retried_after_a_look_and_with_a_reason() -> None:
    poisoned("user-1", "user-2")
    url = group_url("retry")
    said = text(superuser().get(url), "group-card") or ""
    assert "The workers try 2 streams, each from its failing event on." in said
    assert superuser().post(url, {"reason": ""}).status_code == 422
    page = superuser().post(url, {"reason": "repaired"}, follow=True)
    assert b"The workers try 2 letters." in page.content


def test_pauses_with_a_reason_and_resumes() -> None:
    poisoned("user-1")
    client = superuser()
    url = f"{SUBSCRIPTIONS}picky/"
    assert client.post(f"{url}pause/", {"reason": ""}).status_code == 422
    page = client.post(f"{url}pause/", {"reason": "OPS-412"}, follow=True)
    assert b"picky is paused." in page.content
    said = text(page, "subscriptions-table") or ""
    assert " picky projection Paused by staff:root: OPS-412 " in said
    again = client.post(f"{url}pause/", {"reason": "OPS-412"}, follow=True)
    assert b"picky is paused." in again.content
    assert b"picky goes on." in client.post(f"{url}resume/", follow=True).content
    assert b"picky is not paused." in client.post(f"{url}resume/", follow=True).content
    assert client.get(f"{SUBSCRIPTIONS}nobody/pause/").status_code == 404
    assert client.post(f"{SUBSCRIPTIONS}nobody/resume/").status_code == 404


def test_a_paused_subscription_retries_nothing() -> None:
    (letter,) = poisoned("user-1")
    client = superuser()
    client.post(f"{SUBSCRIPTIONS}picky/pause/", {"reason": "OPS-412"})
    for url, body in (
        (f"{LETTERS}{letter.pk}/retry/", {}),
        (f"{LETTERS}{letter.pk}/skip/", {"reason": "why"}),
        (group_url("canary"), {}),
    ):
        assert b"picky is paused." in client.post(url, body, follow=True).content
    assert letters() == [("user-1", 1, "waiting", 1)]


def test_a_fault_of_the_installation_is_told_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (letter,) = poisoned("user-1")
    client = superuser()
    monkeypatch.setattr(quarantine, "work_off", get_no_answer)
    page = client.post(f"{LETTERS}{letter.pk}/retry/", follow=True)
    assert page.redirect_chain == [(LETTERS, 303)]
    said = [str(each) for each in page.context["messages"]]
    assert [each.partition(" at ")[0] for each in said] == [
        "Nothing was changed: ConnectionError"
    ]
    assert said[0].endswith(". Mend that, and try again.")
    tried = client.post(group_url("canary"), follow=True)
    (told,) = tried.context["messages"]
    assert (told.level_tag, str(told)) == ("warning", "0 applied, 1 failed again.")
    assert letters() == [("user-1", 1, "waiting", 1)]


def test_the_canary_tries_five_and_leaves_the_rest() -> None:
    poisoned(*(f"user-{number}" for number in range(6)))
    picky.poison.clear()
    (told,) = superuser().post(group_url("canary"), follow=True).context["messages"]
    assert (told.level_tag, str(told)) == ("success", "5 applied, 0 failed again.")
    states = {stream: state for stream, _at, state, _attempts in letters()}
    applied = {f"user-{number}": "applied" for number in range(5)}
    assert states == {**applied, "user-5": "waiting"}


def test_controls_are_absent_for_those_who_may_only_look() -> None:
    (letter,) = poisoned("user-1")
    client = staff(SEE, "eventstore.view_checkpoint")
    listing, one = client.get(LETTERS), client.get(f"{LETTERS}{letter.pk}/")
    table = client.get(SUBSCRIPTIONS)
    for control in ("canary", "retry-group"):
        assert regions(listing, control) == []
    for control in ("retry", "skip-card"):
        assert regions(one, control) == []
    assert regions(table, "pause-picky") == []
    for url in (f"{LETTERS}{letter.pk}/retry/", f"{LETTERS}{letter.pk}/skip/"):
        assert client.post(url, {"reason": "why"}).status_code == 403
    assert letters() == [("user-1", 1, "waiting", 1)]


def test_the_list_needs_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    poisoned(*(f"user-{number}" for number in range(6)))
    client = superuser()
    with django_assert_max_num_queries(6):
        client.get(LETTERS)
    with django_assert_max_num_queries(10):
        client.get(SUBSCRIPTIONS)
