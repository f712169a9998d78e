"""Quotas: exact under a burst, forgotten when their window ends, told in headers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client, RequestFactory
from pytest_django import Settings

from tests.factories import api_token
from tests.processes import wait_until
from tests.rest import post, problem
from tests.users.test_api import ADA_URL
from users import limits, tasks, tokens
from users.addresses import client_address
from users.limits import Limit, Usage
from users.models import ApiToken, Quota

pytestmark = pytest.mark.usefixtures("committed_db")
THREE = Limit(name="tries", most=3, seconds=60)


def in_parallel(act: Callable[[], Any], count: int) -> list[Any]:
    def once(_number: int) -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(once, range(count)))


def client(name: str = "crm") -> Client:
    return Client(headers={"Authorization": f"Bearer {api_token(name)}"})


def test_counts_down_and_says_when_it_is_over() -> None:
    usages = [limits.spend(THREE, "ada") for _ in range(5)]
    assert [(each.left, each.is_over) for each in usages if each] == [
        (2, False),
        (1, False),
        (0, False),
        (0, True),
        (0, True),
    ]
    last = usages[-1]
    assert last is not None
    assert 59 <= last.resets_in <= 60


def test_a_count_alone_waits_for_no_disk_and_in_a_transaction_leaves_it_as_it_is() -> (
    None
):
    def waits() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            told: str = cursor.fetchone()[0]
            return told

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO local")
        limits.spend(THREE, "ada")
        assert waits() == "local"
    before = waits()
    limits.spend(THREE, "ada")
    assert waits() == before


def test_uses_that_do_not_fit_are_over_and_spend_what_is_left() -> None:
    usages = [limits.spend(THREE, "ada", uses=uses) for uses in (2, 2, 1)]
    assert [(each.left, each.is_over) for each in usages if each] == [
        (1, False),
        (0, True),
        (0, True),
    ]
    first = limits.spend(THREE, "grace", uses=9)
    assert (first and first.is_over) is True


def test_a_batch_counts_each_of_its_commands(settings: Settings) -> None:
    settings.API_COMMANDS_A_MINUTE = 3
    api = client()
    body: dict[str, Any] = {"commands": [{}, {}]}
    first = post(api, "/api/v1/users/commands", body)
    assert first["RateLimit"].startswith('"commands";r=1;t=')
    second = post(api, "/api/v1/users/commands", body)
    assert (second.status_code, problem(second)["violated-policies"]) == (
        429,
        ["commands"],
    )


def test_everybody_has_a_limit_of_their_own_and_may_get_it_back() -> None:
    for _ in range(4):
        limits.spend(THREE, "ada")
    other = limits.spend(THREE, "grace")
    assert (other and other.left) == 2
    limits.forget(THREE, "ada")
    again = limits.spend(THREE, "ada")
    assert (again and again.left) == 2


def test_a_window_that_ended_counts_no_more_and_is_removed() -> None:
    brief = Limit(name="tries", most=1, seconds=1)
    limits.spend(brief, "ada")

    def fresh() -> bool:
        usage = limits.spend(brief, "ada")
        return usage is not None and not usage.is_over

    wait_until(fresh)

    def ended() -> int:
        tasks.discard_quotas()
        return not Quota.objects.exists()

    wait_until(ended)


def test_a_burst_at_one_moment_cannot_get_past_the_limit() -> None:
    limit = Limit(name="tries", most=50, seconds=60)
    usages: list[Usage] = in_parallel(lambda: limits.spend(limit, "ada"), 200)
    assert sum(not usage.is_over for usage in usages) == 50


def test_no_limit_counts_nothing() -> None:
    assert limits.spend(Limit(name="tries", most=0, seconds=60), "ada") is None
    assert not Quota.objects.exists()


def test_the_table_names_nobody() -> None:
    limits.spend(THREE, "ada@example.com")
    assert b"ada" not in bytes(Quota.objects.get().key)


def test_the_table_is_unlogged() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relpersistence FROM pg_class WHERE oid = 'users_quota'::regclass"
        )
        assert cursor.fetchone() == ("u",)


def test_reads_and_writes_are_counted_apart(settings: Settings) -> None:
    settings.API_READS_A_MINUTE, settings.API_WRITES_A_MINUTE = 2, 1
    crm = client()
    first, second, third = (crm.get("/api/v1/users") for _ in range(3))
    assert (first["RateLimit-Policy"], first["RateLimit"]) == (
        '"reads";q=2;w=60',
        '"reads";r=1;t=60',
    )
    assert second["RateLimit"].startswith('"reads";r=0;t=')
    found = problem(third)
    assert (third.status_code, found["title"]) == (429, "Quota exceeded")
    assert found["violated-policies"] == ["reads"]
    assert third["Retry-After"] == third["RateLimit"].partition("t=")[2]
    assert crm.post(f"{ADA_URL}/name", "{}", "application/json").status_code == 400
    assert crm.post(f"{ADA_URL}/name", "{}", "application/json").status_code == 429
    assert client("other").get("/api/v1/users").status_code == 200


def test_a_request_that_lacks_its_scope_is_counted_too(settings: Settings) -> None:
    settings.API_READS_A_MINUTE = 1
    token = api_token("crm", scopes=["users:write"])
    crm = Client(headers={"Authorization": f"Bearer {token}"})
    statuses = [crm.get("/api/v1/users").status_code for _ in range(2)]
    assert statuses == [403, 429]


def test_strangers_are_counted_by_address(settings: Settings) -> None:
    settings.API_STRANGERS_A_MINUTE = 3
    nobody = Client(headers={"Authorization": "Bearer nonsense"})
    statuses = [
        Client().get("/api/v1/users").status_code,
        nobody.get("/api/v1/users").status_code,
        Client().get("/api/schema").status_code,
        nobody.get("/api/v1/users").status_code,
        Client().get("/api/docs").status_code,
    ]
    assert statuses == [401, 401, 200, 429, 429]
    elsewhere = Client(REMOTE_ADDR="192.0.2.7").get("/api/v1/users")
    assert elsewhere.status_code == 401
    assert elsewhere["RateLimit"].startswith('"strangers";r=2;t=')
    assert client().get("/api/v1/users").status_code == 200


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "203.0.113.9"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "nonsense", "unknown"),
    ],
)
def test_a_forwarded_address_is_believed_as_far_as_our_proxies_wrote_it(
    settings: Settings, hops: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = hops
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory(REMOTE_ADDR="192.0.2.1").get("/", headers=headers)
    assert client_address(request) == address


def test_a_use_is_not_noted_rather_than_waited_for() -> None:
    kept = tokens.find(api_token())
    assert kept is not None
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            ApiToken.objects.select_for_update().get()
            held.set()
            done.wait()
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    tokens.note_use(kept)
    done.set()
    thread.join()
    assert ApiToken.objects.get().last_used_at is None
