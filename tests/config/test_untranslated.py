"""No page, and no refusal of a form, says a word of ours that cannot be translated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import Resolver404, resolve

from eventstore import store
from eventstore.circumstances import acting
from eventstore.webhooks import endpoints
from tests import exports, pseudo
from tests.backoffice import EVENTS, USERS, projected, proved, superuser, user_url
from tests.browser import test_every_page as browsed
from tests.config import test_access as matrix
from tests.factories import (
    ADA,
    NOON,
    api_token,
    asked_for,
    dead_letter,
    failed_effect,
    held_run,
    metadata,
    open_conflict,
)
from tests.intake import crm, receive
from tests.repairs import everybody, started
from tests.salesforce.acts import linked
from users import services
from users.aggregate import USER
from users.commands import ChangeEmail, ChangeStatus, CreateUser
from users.models import SalesforceRun
from users.values import Status

__all__ = ["crm", "something"]
something = matrix.something

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("strange")]

TALK = UUID("00000000-0000-4000-8000-0000000000c0")
COMMAND = UUID("00000000-0000-4000-8000-00000000c0de")
ORG_RUN = UUID("00000000-0000-4000-8000-00000000a0a0")
APPROVAL = UUID("00000000-0000-4000-8000-0000000a9900")
TOKEN = UUID("00000000-0000-4000-8000-00000000c4a1")
BORIS = UUID("00000000-0000-4000-8000-00000000b0b1")
AUTH, BEAT = "/admin/auth/", "/admin/django_celery_beat/"
TOKENS, WEBHOOKS = "/admin/users/apitoken/", "/admin/eventstore/webhook/"
SUBSCRIPTIONS = "/admin/eventstore/subscription/"
LETTERS, RECORDS = "/admin/eventstore/deadletter/", "/admin/eventstore/rawrecord/"
RUNS, SALESFORCE = "/admin/projections/reprocess/", "/admin/users/salesforcerun/"
PAGES = (
    "/admin/",
    "/admin/?span=1h&table=1",
    EVENTS,
    f"{EVENTS}?actor=никто&source=rest",
    f"{EVENTS}?around=2001-01-01T00:00:00Z",
    f"{EVENTS}?since=nonsense",
    f"{EVENTS}999/",
    "/admin/eventstore/savedview/",
    "/admin/eventstore/savedview/add/?type=UserCreated&actor=никто",
    "/admin/audit/",
    "/admin/eventstore/stream/",
    f"/admin/s/{USER.stream(ADA)}",
    f"/admin/s/{USER.stream(ADA)}?from=1&to=3",
    f"/admin/c/{TALK}",
    f"/admin/c/{TALK}?view=table",
    f"/admin/c/{TALK}?view=lanes",
    f"/admin/cmd/{COMMAND}",
    "/admin/goto",
    USERS,
    f"{USERS}?status=active&source=rest",
    f"{USERS}?created_since=2026-11-06T15:00:00Z",
    f"{USERS}add/",
    user_url(ADA),
    f"{user_url(ADA)}?v=2",
    f"{user_url(ADA)}?at=soon",
    f"{user_url(ADA)}?tab=state",
    f"{user_url(ADA)}?tab=explain",
    f"{user_url(ADA)}?tab=explain&v=1",
    f"{user_url(ADA)}?tab=%D1%85",
    f"{user_url(ADA)}?tab=effects",
    f"{user_url(ADA)}?tab=salesforce",
    user_url(ADA, "commands/change-name/"),
    user_url(ADA, "commands/change-email/"),
    user_url(ADA, "commands/change-status/"),
    user_url(ADA, "commands/erase-user/"),
    user_url(ADA, "reprocess/"),
    user_url(ADA, "reveal/"),
    user_url(ADA, "effects/1/resend/"),
    SUBSCRIPTIONS,
    f"{SUBSCRIPTIONS}directory/",
    f"{SUBSCRIPTIONS}directory/pause/",
    f"{SUBSCRIPTIONS}pause-all/",
    f"{SUBSCRIPTIONS}resume-all/",
    f"{SUBSCRIPTIONS}directory/rebuild/",
    LETTERS,
    f"{LETTERS}group/0123456789ab/canary/",
    f"{LETTERS}group/0123456789ab/retry/",
    WEBHOOKS,
    f"{WEBHOOKS}касса/",
    "/admin/eventstore/add-webhook/",
    RECORDS,
    "/admin/eventstore/quarantine/",
    "/admin/eventstore/quarantine/0123456789ab/retry/",
    RUNS,
    f"{RUNS}new/?scope=all",
    TOKENS,
    f"{TOKENS}add/",
    f"{TOKENS}{TOKEN}/issued/",
    f"{TOKENS}{TOKEN}/revoke/",
    "/admin/approvals/",
    f"/admin/approvals/{APPROVAL}/",
    "/admin/exports/",
    "/admin/exports/new/?kind=users&q=x",
    SALESFORCE,
    f"{SALESFORCE}add/",
    f"{SALESFORCE}{ORG_RUN}/",
    "/admin/users/salesforceconflict/",
    "/admin/prove/",
    "/admin/second/",
    "/admin/factors/",
    "/admin/factors/app/",
    "/admin/factors/passkey/",
    "/admin/zone/",
    "/admin/password_change/",
    "/admin/password_change/done/",
    "/admin/nowhere/",
)
# What Django and its libraries show and translate; the addresses are looked at in the
# browser, one of each kind.
THEIRS = ("auth_", "django_celery_beat_", "app_list", "view_on_site")


@pytest.fixture
def strange(tmp_path: Path, settings: Any) -> Iterator[None]:
    pseudo.write(tmp_path)
    languages = [*settings.LANGUAGES, (pseudo.LANGUAGE, "Ȧ")]
    paths = [tmp_path, *settings.LOCALE_PATHS]
    with override_settings(
        LANGUAGES=languages, LOCALE_PATHS=paths, ENVIRONMENT_NAME="Тест"
    ):
        yield


def reader() -> Client:
    """Log in Olga, who reads the language that nobody speaks."""
    client = Client(headers={"Accept-Language": pseudo.LANGUAGE})
    found = User.objects.filter(username="ольга").first()
    client.force_login(found or User.objects.create_superuser("ольга"))
    return proved(client)


def somebody() -> None:
    """Ada, who has a history."""
    for command in (
        CreateUser(user_id=ADA, name="Ада Кинг", email="ада@пример.рф"),
        ChangeEmail(user_id=ADA, email="кинг@пример.рф"),
        ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason="зря"),
    ):
        about = {"correlation_id": TALK, "causation_id": COMMAND}
        services.execute(command, metadata(actor="client:тест", **about))
    projected(ADA)


def one_of_everything() -> list[str]:
    """Make what the pages show, and return the addresses that only now are known."""
    somebody()
    with acting(actor="staff:ольга", source="admin", correlation_id=uuid4()):
        endpoints.add("касса", "https://1.1.1.1/")
    api_token("тест", token_id=TOKEN, last_used_at=NOON, expires_at=NOON)
    letter = dead_letter(error="ошибка", state="parked").pk
    effect = failed_effect(USER.stream(ADA), error="ошибка").pk
    record = receive({"id": "7"})
    held_run(ORG_RUN, ADA)
    asked_for(APPROVAL, ADA, actor="staff:лея", reason="зря")
    open_conflict(ADA)
    linked(ADA)
    account = User.objects.get(username="ольга").pk
    export = exports.begun(account=account, reason="зря").pk
    SalesforceRun.objects.update(actor="staff:лея", why="причина")
    run = started(everybody(), "зря").pk
    first = store.read_stream(USER.stream(ADA))[0]
    return [
        f"{EVENTS}{first.position}/",
        f"{LETTERS}{letter}/",
        user_url(ADA, f"effects/{effect}/resend/"),
        f"{RECORDS}{record}/",
        f"/admin/exports/{export}/?still",
        f"{RUNS}{run}/?still",
    ]


def plain(answer: Any, *names: str) -> list[str]:
    """Return what is in plain letters, but for names of machines."""
    known = frozenset({"directory", "crm", *names})
    return pseudo.plain(answer.content.decode(), known=known)


@pytest.mark.usefixtures("crm")
def test_no_page_says_a_word_that_cannot_be_translated() -> None:
    client = reader()
    urls = [*PAGES, *one_of_everything()]
    said = {url: plain(client.get(url)) for url in urls}
    said["/admin/login/"] = plain(
        Client(headers={"Accept-Language": pseudo.LANGUAGE}).get("/admin/login/")
    )
    assert {url: texts for url, texts in said.items() if texts} == {}


# What nobody means, for every form that a rule of ours stands behind.
REFUSED_POSTS: Sequence[tuple[str, dict[str, Any]]] = (
    ("/admin/eventstore/add-webhook/", {}),
    ("/admin/eventstore/add-webhook/", {"name": "??", "url": "https://1.1.1.1/"}),
    ("/admin/eventstore/add-webhook/", {"name": "касса", "url": "https://1.1.1.1/"}),
    *(
        ("/admin/eventstore/add-webhook/", {"name": "новая", "url": url})
        for url in (
            "ftp://x",
            "http://1.1.1.1/",
            "https://a:b@1.1.1.1/",
            "https://127.0.0.1/",
        )
    ),
    (f"{WEBHOOKS}касса/resume/", {}),
    (f"{WEBHOOKS}касса/redeliver/", {"event": "x"}),
    (f"{WEBHOOKS}касса/rotate/", {"seen": "7"}),
    (f"{WEBHOOKS}никто/pause/", {}),
    (f"{SUBSCRIPTIONS}directory/pause/", {"reason": ""}),
    (f"{SUBSCRIPTIONS}directory/resume/", {}),
    (f"{SUBSCRIPTIONS}никто/pause/", {"reason": "зря"}),
    (f"{LETTERS}7/retry/", {}),
    (f"{LETTERS}7/skip/", {"reason": ""}),
    (f"{LETTERS}group/0123456789ab/retry/", {"reason": ""}),
    (f"{RECORDS}{ADA}/skip/", {"reason": "зря"}),
    (f"{RECORDS}{ADA}/reveal/", {}),
    (f"{RECORDS}{ADA}/reprocess/", {"reason": "зря"}),
    (f"/admin/approvals/{APPROVAL}/approve/", {}),
    (f"/admin/approvals/{APPROVAL}/refuse/", {"reason": ""}),
    (f"/admin/approvals/{APPROVAL}/withdraw/", {}),
    (f"/admin/approvals/{ADA}/approve/", {}),
    (f"{RUNS}new/?scope=all", {"token": "x", "reason": ""}),
    (f"{RUNS}new/?scope=all", {"token": "x", "reason": "зря"}),
    ("/admin/eventstore/savedview/add/", {"name": ""}),
    ("/admin/eventstore/savedview/add/?since=x", {"name": "вид"}),
    (f"{USERS}add/", {"name": " ", "email": "x", "user_id": str(BORIS)}),
    (f"{USERS}add/", {"name": "Б" * 999, "email": "б@б", "user_id": "x"}),
    (user_url(ADA, "commands/change-name/"), {"name": "\u202e", "expected_version": 3}),
    (user_url(ADA, "commands/change-name/"), {"name": "Ада", "expected_version": 1}),
    (user_url(ADA, "commands/change-email/"), {"email": "x", "expected_version": 3}),
    (user_url(ADA, "commands/change-status/"), {"status": "x", "expected_version": 3}),
    (user_url(ADA, "commands/erase-user/"), {"confirmation": "x"}),
    (user_url(ADA, "reprocess/"), {"token": "x", "reason": "зря"}),
    (user_url(ADA, "reveal/"), {"reason": ""}),
    (user_url(ADA, "effects/7/resend/"), {"reason": "зря"}),
    (f"{TOKENS}add/", {"name": "тест", "scopes": "users:read", "reason": "зря"}),
    (f"{TOKENS}add/", {"name": "новый", "expires": "2020-01-01", "reason": ""}),
    (f"{TOKENS}{ADA}/revoke/", {"reason": "зря"}),
    ("/admin/exports/new/?kind=users", {"zone": "x", "reason": ""}),
    (f"{SALESFORCE}add/", {"mode": "record", "ids": "x"}),
    (f"{SALESFORCE}add/", {"mode": "x"}),
    (f"{SALESFORCE}{ADA}/pause/", {"reason": "зря"}),
    (f"{SALESFORCE}{ORG_RUN}/resume/", {"reason": "зря"}),
    (f"{SALESFORCE}{ORG_RUN}/approve/", {"reason": ""}),
    ("/admin/users/salesforceconflict/7/settle/", {"winner": "ours"}),
    ("/admin/users/salesforceconflict/7/settle/", {}),
    ("/admin/goto", {"q": "никто"}),
    ("/admin/zone/", {"zone": "x"}),
    ("/admin/prove/", {"password": "x"}),
    ("/admin/factors/app/", {"code": "x"}),
    ("/admin/second/", {"code": "x"}),
    ("/admin/password_change/", {"old_password": "x"}),
)
NAMES = ("email", "source", "status")  # of filters, as addresses have them
REFUSED_GETS = (
    f"{EVENTS}?since=x&until=x&correlation=x&type=x&around=x&stream=%00",
    f"{EVENTS}?stream=%40",
    f"{USERS}?created_since=x&updated_until=x&status=x",
    f"{USERS}?email={'x' * 300}&changed_since=x",
    f"{user_url(ADA)}?at=x&v=999",
    f"{user_url(ADA)}?date=2999-01-01&time=25:00",
    f"{RECORDS}?until=x&state=x",
    f"/admin/s/{USER.stream(ADA)}?from=3&to=1",
    f"/admin/s/{USER.stream(ADA)}?v=x",
    f"{RUNS}new/",
    f"{RUNS}new/?user=x",
    f"{RUNS}new/?scope=x",
    f"{RUNS}new/?scope=filter&status=x",
    f"{RUNS}new/?scope=filter&цвет=x",
    f"{RUNS}new/?scope=touched&first=x",
    f"{RUNS}new/?scope=touched&first=9,9,9,9&last=3",
    f"{RUNS}new/?scope=touched&first={'9' * 25}",
    "/admin/exports/new/?kind=events&since=x",
    "/admin/exports/new/?kind=users&status=x",
    "/admin/exports/new/?kind=x",
)


@pytest.mark.usefixtures("crm")
def test_no_refusal_says_a_word_that_cannot_be_translated() -> None:
    reader()
    one_of_everything()
    said = {}
    for url, form in REFUSED_POSTS:
        answer = reader().post(url, form, follow=True)
        said[url, *form] = plain(answer)
        assert answer.status_code != 500
    for url in REFUSED_GETS:
        said[(url,)] = plain(
            reader().get(url, follow=True), *(NAMES if "цвет" in url else ())
        )
    assert {asked: texts for asked, texts in said.items() if texts} == {}


@pytest.mark.usefixtures("something")
@pytest.mark.parametrize("looked_at", [PAGES, browsed.PAGES])
def test_every_page_is_looked_at(looked_at: Sequence[str]) -> None:
    """A page that GET shows stands in the list above, and in the browser's."""
    shown = {each.name for each in matrix.PAGES if _is_shown(each.url)}
    assert len(shown) > 40
    walked = {_name(url) for url in looked_at} | ONLY_KNOWN_LATER
    missing = {name for name in shown - walked if not name.startswith(THEIRS)}
    assert missing == set()


# Their addresses hold what `one_of_everything` makes, or the browser's tests do.
ONLY_KNOWN_LATER = {
    *("event", "dead_letter", "resend_effect", "raw_record"),
    *("export", "reprocess_run"),
    *("export_file", "reprocess_differences"),  # files, where there is something
}


def _is_shown(url: str) -> bool:
    answer = superuser().get(url)
    is_page = answer["Content-Type"].startswith("text/html")
    return answer.status_code in {200, 404} and is_page


def _name(url: str) -> str | None:
    try:
        return resolve(url.partition("?")[0]).url_name
    except Resolver404:
        return None
