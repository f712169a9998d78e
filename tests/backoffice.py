"""Staff at their desks, and what they read on a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.test.html import Element, parse_html
from django.utils import timezone

from eventstore import store, subscriptions
from projections import directory
from users.aggregate import USER

EVENTS = "/admin/eventstore/event/"
USERS = "/admin/users/userview/"


def user_url(user_id: UUID, page: str = "change/") -> str:
    return f"{USERS}{user_id}/{page}"


def superuser(name: str = "root") -> Client:
    """Log in somebody who may do everything."""
    client = Client()
    known = User.objects.filter(username=name).first()
    client.force_login(known or User.objects.create_superuser(name))
    return proved(client)


def proved(client: Client, seconds_ago: float = 0) -> Client:
    """Have given one's password, just now or so long ago, in a session begun now."""
    session = client.session
    now = timezone.now().timestamp()
    session.update(
        {
            "begun_at": now,
            "seen_at": now,
            "proved_at": now - seconds_ago,
            "factor": "none",
        }
    )
    session.save()
    return client


def staff(*permissions: str) -> Client:
    """Log in somebody with exactly these permissions (``users.issue_command`` …)."""
    person = User.objects.create_user(f"staff-{uuid4()}", is_staff=True)
    for permission in permissions:
        app, _, codename = permission.partition(".")
        person.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client()
    client.force_login(person)
    return proved(client)


def in_role(name: str) -> Client:
    """Log in somebody who has one of the roles that every installation begins with."""
    person = User.objects.create_user(f"{name.lower()}-{uuid4()}", is_staff=True)
    person.groups.add(Group.objects.get(name=name))
    client = Client()
    client.force_login(person)
    return proved(client)


def text(response: Any, testid: str) -> str | None:
    """Return what one region says, in single spaces; None when it is not there."""
    found = regions(response, testid)
    return found[0] if found else None


def regions(response: Any, testid: str) -> list[str]:
    """Return what every region of this name says."""
    return [
        " ".join(" ".join(_words(element)).split())
        for element in _elements(response)
        if ("data-testid", testid) in element.attributes
    ]


def attribute(response: Any, testid: str, name: str) -> str:
    """Return an attribute of one region."""
    return next(
        str(dict(element.attributes)[name])
        for element in _elements(response)
        if ("data-testid", testid) in element.attributes
    )


def hidden(response: Any, name: str) -> str:
    """Return the value of a form's hidden field."""
    return next(
        str(dict(element.attributes)["value"])
        for element in _elements(response)
        if ("name", name) in element.attributes
    )


def catch_up() -> None:
    """Bring every subscription up to date; needs events that are committed."""
    for subscription in subscriptions.all_subscriptions():
        assert subscriptions.catch_up(subscription)


def projected(user_id: UUID) -> None:
    """Bring one user's row up to date, inside the test's own transaction."""
    directory.apply(store.read_stream(USER.stream(user_id)))


def _elements(response: Any) -> Iterator[Element]:
    todo = [parse_html(response.content.decode())]
    while todo:
        element = todo.pop(0)
        yield element
        todo[:0] = [each for each in element.children if isinstance(each, Element)]


def _words(element: Element) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, Element):
            yield from _words(child)
        else:
            yield str(child)
