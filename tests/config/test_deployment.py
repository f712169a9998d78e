"""What every answer of a production installation carries; what Django says of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern
from pytest_django import Settings

from eventstore import keyring, roles
from tests.backoffice import superuser
from tests.config.conftest import bare_environment
from tests.factories import ADA, api_token, known_user

PROJECT = Path(__file__).resolve().parents[2]
HOST = {"Host": "localhost"}
EXPECTED = {
    "Content-Security-Policy": "default-src 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
VALUES = {
    "uuid": str(ADA),
    "id": str(ADA),
    "int": "1",
    "str": "x",
    "path": "auth/user/1",
    "slug": "x",
}


def missing(response: Any) -> list[str]:
    headers = {name: response.headers.get(name, "") for name in EXPECTED}
    return [name for name, start in EXPECTED.items() if start not in headers[name]]


def addresses(
    patterns: Iterator[URLPattern | URLResolver] | list[Any], before: str = "/"
) -> Iterator[str]:
    for each in patterns:
        path = before + written(each)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, path)
        else:
            yield path


def written(part: URLPattern | URLResolver) -> str:
    if isinstance(part.pattern, RegexPattern):  # Django's own; what it catches, too
        return "auth/"
    template = str(part.pattern)
    for name in part.pattern.converters:
        for kind, value in VALUES.items():
            template = template.replace(f"<{kind}:{name}>", value)
        template = template.replace(f"<{name}>", "x")
    return template


@pytest.fixture
def production(settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_SSL_REDIRECT = True


@pytest.mark.usefixtures("db", "production")
def test_every_address_answers_with_every_header() -> None:
    known_user(ADA)
    urls = sorted(set(addresses(get_resolver().url_patterns)))
    token = api_token()
    bearer = HOST | {"Authorization": f"Bearer {token}"}
    bare = {
        url: absent
        for url in urls
        for client, headers in (
            (Client(), HOST),
            (superuser(), HOST),
            (Client(), bearer),
        )
        if (absent := missing(client.get(url, secure=True, headers=headers)))
    }
    assert len(urls) > 60
    assert [url for url in urls if "<" in url] == []
    assert bare == {}


@pytest.mark.usefixtures("db", "production")
def test_errors_carry_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.admin.dashboard.overview", broken)
    client = superuser()
    client.raise_request_exception = False
    answers = {
        400: Client().get("/admin/", secure=True, headers={"Host": "evil.example"}),
        401: Client().get("/api/v1/users", secure=True),
        403: Client(enforce_csrf_checks=True).post("/admin/logout/", secure=True),
        404: Client().get("/nowhere", secure=True),
        500: client.get("/admin/", secure=True),
    }
    assert [answer.status_code for answer in answers.values()] == list(answers)
    assert [missing(answer) for answer in answers.values()] == [[]] * len(answers)


def broken(*_arguments: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.usefixtures("db", "production")
def test_a_redirect_to_https_is_not_framed_or_scripted() -> None:
    answer = Client().get("/admin/")
    https_only = "Strict-Transport-Security"  # would mean nothing over HTTP
    assert (answer.status_code, missing(answer)) == (301, [https_only])


@pytest.mark.usefixtures("db", "production")
def test_static_files_carry_them_too(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "skin.css").write_text("a {}")
    settings.STATIC_ROOT = tmp_path
    answer = Client().get("/static/skin.css", secure=True)
    assert (b"".join(answer), missing(answer)) == (b"a {}", [])
    answer.close()


@pytest.mark.usefixtures("durable_server")
def test_check_deploy_has_nothing_to_say_of_the_documented_environment(
    committed_db: str, tmp_path: Path
) -> None:
    ring = tmp_path / "key_ring.json"
    keyring.save(keyring.new(keyring.PRODUCTION), ring)
    host = quote(str(connection.settings_dict["HOST"]), safe="")
    environment = bare_environment() | {
        "DATABASE_URL": f"postgresql://{roles.APP}@{host}/{committed_db}",
        "CELERY_BROKER_URL": "redis://broker.example.com:6379/0",
        "SECRET_KEY": "fifty characters and more of a secret; not a real one, though",
        "CLAIM_KEY": "another one",
        "KEY_RING_FILE": str(ring),
        "ALLOWED_HOSTS": "annals.example.com",
        "EMAIL_URL": "smtp+tls://user:secret@mail.example.com:587",
        "DEFAULT_FROM_EMAIL": "annals@example.com",
    }
    check = [sys.executable, "manage.py", "check", "--deploy"]
    done = subprocess.run(  # noqa: S603
        [*check, "--fail-level", "WARNING", "--database", "default"],
        capture_output=True,
        check=False,
        cwd=PROJECT,
        env=environment,
        text=True,
    )
    assert done.stdout + done.stderr == (
        "System check identified no issues (1 silenced).\n"
    )
    assert done.returncode == 0
