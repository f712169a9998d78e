"""Every page of the back office against every role; the table in the code is no help.

What a role may do is written down here a second time, by hand (UI rules, 4.15).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from config import access
from eventstore.circumstances import acting
from eventstore.models import Rebuild
from eventstore.webhooks import endpoints
from tests.backoffice import in_role, proved, regions, staff, superuser
from tests.factories import ADA, NOON, api_token, dead_letter, known_user
from tests.intake import crm, receive, work
from users.aggregate import USER

__all__ = ["crm"]

ROLES = ("Viewer", "Agent", "Operator", "Lead", "Auditor", "Data officer")
TALK, TOKEN, VIEW = uuid4(), uuid4(), uuid4()
RUN, RECORD, ORG_RUN, EXPORT = uuid4(), uuid4(), uuid4(), uuid4()
APPROVAL = uuid4()
SOMEBODY = 1_000_001  # an account; no sequence comes to it
EVERYBODY, SUPERUSERS = "VAOLUD", ""  # the roles' letters; U is the Auditor
MODELS = ("clockedschedule", "crontabschedule", "intervalschedule", "solarschedule")


@dataclass(frozen=True)
class Page:
    """One address.

    Attributes:
        see: Letters of the roles that may open it.
        act: Letters of those that may post to it.
    """

    name: str
    see: str
    act: str
    arguments: tuple[object, ...] = ()

    @property
    def url(self) -> str:
        return reverse(f"admin:{self.name}", args=self.arguments)


FOR_EVERYBODY: dict[str, tuple[object, ...]] = {
    "index": (),
    "goto": (),
    "prove": (),
    "second": (),
    "factors": (),
    "zone": (),
    "add_app": (),
    "add_passkey": (),
    "events": (),
    "event": (1,),
    "views": (),
    "save_view": (),
    "delete_view": (VIEW,),
    "event_link": (1,),
    "conversation": (TALK,),
    "command": (TALK,),
    "stream": (USER.stream(ADA),),
    "streams": (),
    "subscriptions": (),
    "subscription": ("analytics",),
    "dead_letters": (),
    "dead_letter": (1,),
    "users": (),
    "user": (ADA,),
    "user_link": (ADA,),
    "raw_records": (),
    "raw_record": (RECORD,),
    "record_quarantine": (),
    "salesforce_runs": (),
    "salesforce_run": (ORG_RUN,),
    "salesforce_conflicts": (),
    "password_change": (),
    "password_change_done": (),
    "jsi18n": (),
    "logout": (),
}
FOR_SOME: dict[str, tuple[str, tuple[object, ...]]] = {
    "pause_subscription": ("OL", ("directory",)),
    "resume_subscription": ("OL", ("directory",)),
    "pause_subscriptions": ("OL", ()),
    "resume_subscriptions": ("OL", ()),
    "retry_letter": ("OL", (1,)),
    "canary_letters": ("OL", ("0123456789ab",)),
    "retry_letters": ("OL", ("0123456789ab",)),
    "skip_letter": ("L", (1,)),
    "create_user": ("AL", ()),
    "change_name": ("AL", (ADA,)),
    "change_email": ("AL", (ADA,)),
    "change_status": ("AL", (ADA,)),
    "erase_user": ("D", (ADA,)),
    "approvals": ("LD", ()),
    "approval": ("LD", (APPROVAL,)),
    "decide_approval": ("LD", (APPROVAL, "approve")),
    "reprocess_user": ("OL", (ADA,)),
    "reprocess_runs": ("OL", ()),
    "reprocess": ("OL", ()),
    "reprocess_differences": ("OL", ()),
    "reprocess_run": ("OL", (RUN,)),
    "change_run": ("OL", (RUN, "pause")),
    "change_rebuild": ("L", ("directory", "pause")),
    "resend_effect": ("OL", (ADA, 1)),
    "reveal_raw_record": ("OLUD", (RECORD,)),
    "reprocess_raw_record": ("OL", (RECORD,)),
    "skip_raw_record": ("L", (RECORD,)),
    "retry_records": ("OL", ("0123456789ab",)),
    "reveal_user": ("VO", (ADA,)),
    "start_salesforce_run": ("OL", ()),
    "fetch_salesforce_record": ("OL", (ADA,)),
    "reach_salesforce": ("OL", ()),
    "steer_salesforce_run": ("OL", (ORG_RUN, "pause")),
    "approve_salesforce_run": ("L", (ORG_RUN,)),
    "settle_salesforce_conflict": ("AL", (1,)),
    "audit": ("LUD", ()),
    "webhooks": ("LU", ()),
    "webhook": ("LU", ("crm",)),
    "add_webhook": ("L", ()),
    "rotate_webhook": ("L", ("crm",)),
    "change_webhook": ("L", ("crm", "pause")),
    "exports": ("LUD", ()),
    "new_export": ("LUD", ()),
    "export": ("LUD", (EXPORT,)),
    "export_file": ("LUD", (EXPORT,)),
    "cancel_export": ("LUD", (EXPORT,)),
    "tokens": ("LU", ()),
    "issue_token": ("L", ()),
    "token_issued": ("L", (TOKEN,)),
    "revoke_token": ("L", (TOKEN,)),
}


def own_pages() -> Iterator[Page]:
    for name, arguments in FOR_EVERYBODY.items():
        yield Page(name, EVERYBODY, EVERYBODY, arguments)
    for name, (roles, given) in FOR_SOME.items():
        yield Page(name, roles, roles, given)
    yield Page("rebuild_subscription", EVERYBODY, "L", ("directory",))


def third_party_pages() -> Iterator[Page]:
    yield from model_pages("auth_user", SUPERUSERS, SUPERUSERS, pk=SOMEBODY)
    yield from model_pages("auth_group", SUPERUSERS, SUPERUSERS)
    yield Page("auth_user_password_change", SUPERUSERS, SUPERUSERS, (SOMEBODY,))
    yield from model_pages("django_celery_beat_periodictask", "LU", "L")
    for model in MODELS:
        yield from model_pages(f"django_celery_beat_{model}", "LU", "L")
    yield Page("app_list", "LU", "LU", ("django_celery_beat",))
    yield Page("autocomplete", SUPERUSERS, SUPERUSERS)
    yield Page("view_on_site", SUPERUSERS, SUPERUSERS, (1, 1))


def model_pages(name: str, see: str, act: str, pk: int = 1) -> Iterator[Page]:
    yield Page(f"{name}_changelist", see, act)
    yield Page(f"{name}_add", act, act)
    yield Page(f"{name}_change", see, act, (pk,))
    yield Page(f"{name}_history", see, see, (pk,))
    yield Page(f"{name}_delete", act, act, (pk,))


PAGES = [*own_pages(), *third_party_pages()]


@pytest.fixture
def something(db: None) -> None:
    """One of everything the addresses name."""
    del db
    with acting(actor="staff:ada", source="admin", correlation_id=uuid4()):
        endpoints.add("crm", "https://1.1.1.1/")
    known_user(ADA)
    api_token("crm", token_id=TOKEN)
    dead_letter(id=1, state="parked")
    CrontabSchedule.objects.get_or_create(id=1)  # a migration may have made it
    rhythm = {"every": 1, "period": "days"}
    IntervalSchedule.objects.get_or_create(id=1, defaults=rhythm)
    SolarSchedule.objects.create(id=1, event="sunset", latitude=0, longitude=0)
    ClockedSchedule.objects.create(id=1, clocked_time=NOON)
    task = {"name": "nightly", "task": "x", "crontab_id": 1}
    PeriodicTask.objects.get_or_create(id=1, defaults=task)
    User.objects.create_user("somebody", id=SOMEBODY)


def letter_of(role: str) -> str:
    return "U" if role == "Auditor" else role[0]


@pytest.mark.usefixtures("something")
@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_and_does_what_the_matrix_says_and_no_more(role: str) -> None:
    expected, found = {}, {}
    client = in_role(role)
    for page in PAGES:
        letter = letter_of(role)
        expected[page.name] = (letter in page.see, letter in page.act)
        if "_auth_user_id" not in client.session:  # a page logged them out
            client = in_role(role)
        opens = client.get(page.url).status_code != 403
        found[page.name] = (opens, client.post(page.url).status_code != 403)
    assert found == expected


@pytest.mark.usefixtures("something")
def test_nobody_opens_a_page_without_logging_in_or_without_a_role() -> None:
    free = {name for name, need in access.PAGES.items() if need.is_free}
    person = staff()
    for page in PAGES:
        for answer in (Client().get(page.url), Client().post(page.url)):
            assert answer.status_code == 302
            assert answer["Location"].startswith(("/admin/login/", "/admin/"))
        if page.name not in free:
            assert person.get(page.url).status_code == 403
            assert person.post(page.url).status_code == 403


@pytest.mark.usefixtures("something")
def test_a_superuser_opens_everything() -> None:
    opened = superuser()
    shut = [p.name for p in PAGES if opened.get(p.url).status_code == 403]
    assert shut == ["autocomplete"]  # Django's own no: nothing here completes


@pytest.mark.usefixtures("something", "crm")
@pytest.mark.parametrize(
    ("role", "acts"),
    [
        ("Viewer", []),
        ("Agent", []),
        ("Operator", ["reveal", "reprocess"]),
        ("Lead", ["reveal", "reprocess", "skip"]),
        ("Auditor", ["reveal"]),
        ("Data officer", ["reveal"]),
    ],
)
def test_a_record_offers_what_the_role_may_do(role: str, acts: list[str]) -> None:
    record_id = receive({"id": "1", "status": "odd"})
    work()
    page = in_role(role).get(reverse("admin:raw_record", args=[record_id]))
    offered = [name for name in ("reveal", "reprocess", "skip") if regions(page, name)]
    assert offered == acts


@pytest.mark.usefixtures("something")
def test_a_rebuild_asks_for_the_password_and_looking_at_it_does_not() -> None:
    url = reverse("admin:rebuild_subscription", args=["directory"])
    act = reverse("admin:change_rebuild", args=["directory", "cancel"])
    lead = proved(in_role("Lead"), seconds_ago=301)
    assert lead.get(url).status_code == 200
    for address in (url, act):
        answer = lead.post(address, {"reason": "OPS-1", "typed": "directory"})
        asked = f"/admin/prove/?next={address.replace('/', '%2F')}&again=1"
        assert (answer.status_code, answer["Location"]) == (302, asked)
    assert Rebuild.objects.count() == 0
    assert proved(lead).get(act)["Location"] == url


def addresses(resolver: URLResolver, *, inside: bool = False) -> Iterator[URLPattern]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from addresses(each, inside=inside or each.namespace == "admin")
        elif inside:
            yield each


def test_every_address_stands_in_the_table_and_in_the_matrix() -> None:
    names = {each.name for each in addresses(get_resolver())} - {None}
    assert names == set(access.PAGES)
    assert names == {page.name for page in PAGES} | {"login"}


def test_an_address_without_a_name_leads_nowhere_or_to_one_with_a_name() -> None:
    unnamed = {
        str(each.pattern) for each in addresses(get_resolver()) if each.name is None
    }
    assert unnamed == {"<path:object_id>/", "(?P<url>.*)$"}


def test_a_page_that_was_forgotten_stays_shut() -> None:
    person = User(username="ada", is_staff=True)
    assert not access.may_open(person, "a new page")


@pytest.mark.django_db
def test_the_roles_are_groups_that_an_installation_may_change() -> None:
    assert set(ROLES) <= set(Group.objects.values_list("name", flat=True))
    client = in_role("Viewer")
    Group.objects.get(name="Viewer").permissions.clear()
    assert client.get(reverse("admin:events")).status_code == 403


@pytest.mark.usefixtures("something")
@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_led_to_no_page_that_it_may_not_open(role: str) -> None:
    client = in_role(role)
    letter = letter_of(role)
    shut = [page.url for page in PAGES if letter not in page.see]
    for page in PAGES:
        if letter not in page.see or page.name == "logout":
            continue
        answer = client.get(page.url, follow=True)
        text = answer.content.decode()
        led = [url for url in shut if f'="{url}"' in text]
        assert led == [], page.name
