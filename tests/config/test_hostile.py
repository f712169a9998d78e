"""Whatever is typed, sent or kept, no page takes it for markup of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client

from tests.backoffice import EVENTS, USERS, superuser, user_url
from tests.browser.test_every_page import HOSTILE, MARK
from tests.config import test_untranslated as walk
from tests.factories import ADA
from tests.intake import crm, receive, work

__all__ = ["crm"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("crm")]

# Each ends what it could stand in, an attribute or a script, and begins a tag.
TYPED = (
    HOSTILE,
    f"<svg/onload=alert(1) {MARK}>",
    f"x' {MARK}='y",
    f'x" autofocus onfocus="alert(1)" {MARK}="',
    f"</textarea></title></style></script><b {MARK}>",
    f"{{{{ 7|add:7 }}}}{{% now 'Y' %}}<b {MARK}>",
)
LISTS = (EVENTS, USERS, "/admin/audit/", walk.RECORDS, user_url(ADA))
QUERY = (
    *("q", "status", "source", "email", "created_since", "at", "as_of", "v", "tab"),
    *("type", "actor", "stream", "since", "until", "correlation", "around", "window"),
    *("from_position", "before", "after", "limit", "field", "text", "state", "view"),
    *("scope", "user", "kind", "from", "to", "next", "category", "expand", "sort"),
)


class Marks(HTMLParser):
    """Counts the tags that nothing of ours made."""

    count = 0

    def handle_starttag(
        self, tag: str, attrs: Sequence[tuple[str, str | None]]
    ) -> None:
        del tag
        self.count += any(MARK in name for name, _value in attrs)


def marked(content: str) -> int:
    found = Marks()
    found.feed(content)
    found.close()
    return found.count


def answered(answer: Any) -> int:
    """Return how much of *answer* is markup that was typed."""
    assert answer.status_code < 500
    return 0 if answer.streaming else marked(answer.content.decode())


def asked(client: Client, url: str, values: Mapping[str, str]) -> int:
    parts = urlsplit(url)
    query = QueryDict(parts.query, mutable=True)
    query.update(values)
    return answered(client.get(f"{parts.path}?{query.urlencode()}", follow=True))


@pytest.mark.parametrize("typed", TYPED)
def test_what_a_mark_is_counted(typed: str) -> None:
    around = f"<input value='{typed}'><p title=\"{typed}\">{typed}</p>"
    assert marked(around) > 0
    assert marked(f"<script>let said = '{HOSTILE}';</script>") > 0


def test_no_address_becomes_markup() -> None:
    superuser()
    User.objects.create_superuser("ольга")
    pages = [*walk.PAGES, *walk.one_of_everything(), *walk.REFUSED_GETS]
    client = superuser()
    found = {url: asked(client, url, dict.fromkeys(QUERY, HOSTILE)) for url in pages}
    for url in LISTS:
        for name in QUERY:
            typed = TYPED[len(found) % len(TYPED)]
            found[f"{url} {name}"] = asked(client, url, {name: typed})
    assert {url: count for url, count in found.items() if count} == {}


def test_no_form_becomes_markup() -> None:
    User.objects.create_superuser("ольга")
    walk.one_of_everything()
    found = {}
    for (url, form), typed in zip(walk.REFUSED_POSTS, cycle(TYPED), strict=False):
        sent = {name: _typed(value, typed) for name, value in form.items()}
        found[url, *form] = answered(superuser().post(url, sent, follow=True))
    assert {each: count for each, count in found.items() if count} == {}


@pytest.mark.parametrize(
    "body",
    [
        {"id": HOSTILE, "name": HOSTILE, "email": "ada@example.com"},
        {"id": "1", "name": "Ada", "email": HOSTILE, HOSTILE: HOSTILE},
        HOSTILE.encode(),
    ],
)
def test_nothing_received_becomes_markup(body: Any) -> None:
    record = receive(body, content_type=HOSTILE, headers={HOSTILE: HOSTILE})
    work()
    client = superuser()
    place = f"{walk.RECORDS}{record}/"
    revealed = client.post(f"{place}reveal/", {"reason": HOSTILE}, follow=True)
    pages = [client.get(url) for url in (place, walk.RECORDS, EVENTS, USERS)]
    pages.append(client.get("/admin/eventstore/quarantine/"))
    assert [answered(each) for each in (revealed, *pages)] == [0] * 6


def _typed(value: Any, typed: str) -> Any:
    return typed if isinstance(value, str) else value
