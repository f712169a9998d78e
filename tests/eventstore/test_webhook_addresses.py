"""To whom nothing is sent, and how long anybody may keep us (no database)."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import LazySettings

from eventstore.webhooks import addresses, sending
from eventstore.webhooks.errors import AddressError, TimeOutError, UnreachableError
from tests.receivers import hostile, receiver

INSIDE = [
    "0.0.0.0",  # noqa: S104 - refused, not bound to
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.31.196.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2001:0:7f00:1::",
    "2002:7f00:1::",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::7f00:1",
    "::808:808",
    "::ffff:0:7f00:1",
    "::ffff:0:808:808",
    "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:a00:1",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
]


@pytest.fixture
def open_loopback(settings: LazySettings) -> None:
    settings.WEBHOOK_ALLOW_HTTP = True
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def answers(monkeypatch: pytest.MonkeyPatch, *found: list[str]) -> list[str]:
    """Let the DNS give these answers, one after the other; return what was asked."""
    asked: list[str] = []
    left = list(found)

    def lookup(url: httpx.URL) -> list[str]:
        asked.append(url.host)
        return left.pop(0)

    monkeypatch.setattr(addresses, "lookup", lookup)
    return asked


@pytest.mark.parametrize("text", INSIDE)
def test_refuses_what_is_not_the_public_internet(text: str) -> None:
    assert not addresses.is_allowed(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "93.184.215.14",
        "2606:4700::1111",
        "2606:4700::5efe:808:808",
        "2606:4700::1:5efe:7f00:1",
    ],
)
def test_lets_the_public_internet_be_sent_to(text: str) -> None:
    assert addresses.is_allowed(ip_address(text))


def test_a_setting_makes_exceptions_and_only_those(settings: LazySettings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.20.0.0/16", "fd00::/8"]
    allowed = ["10.20.1.1", "::ffff:10.20.1.1", "fd00::1"]
    assert all(addresses.is_allowed(ip_address(each)) for each in allowed)
    assert not addresses.is_allowed(ip_address("10.21.1.1"))
    assert not addresses.is_allowed(ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1%25lo]",
        "localhost",
        "0",
    ],
)
def test_no_way_to_write_this_machine_gets_through(host: str) -> None:
    with pytest.raises(AddressError):
        addresses.target(f"https://{host}/hooks")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "http://example.com/",
        "https://",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://example.com/" + "x" * 2_000,
        "https://exa mple.com/",
    ],
)
def test_refuses_an_address_of_another_form(url: str) -> None:
    with pytest.raises(AddressError):
        addresses.checked(url)


def test_one_address_inside_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, ["1.1.1.1", "10.0.0.1"], [])
    with pytest.raises(AddressError, match="inside this network"):
        addresses.target("https://example.com/")
    with pytest.raises(AddressError, match="has no address"):
        addresses.target("https://example.com/")


def test_asks_for_the_name_that_the_certificate_must_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes | str] = []

    def getaddrinfo(host: bytes | str, *_args: object, **_more: object) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", ("1.1.1.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    found = addresses.target("https://stra\u00dfe.de/")
    assert (asked, found.host) == ([b"xn--strae-oqa.de"], "xn--strae-oqa.de")


def test_a_dns_that_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(addresses, "LOOKUP_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [][: over.wait(20)])
    began = time.monotonic()
    with pytest.raises(AddressError, match="not found in time"):
        addresses.target("https://example.com/")
    assert time.monotonic() - began < 5
    over.set()


@pytest.mark.usefixtures("open_loopback")
def test_what_the_look_up_took_is_taken_from_the_attempt() -> None:
    with receiver() as known:
        place = replace(addresses.target(known.url), took=sending.TOTAL_SECONDS)
        with pytest.raises(TimeOutError):
            sending.post(place, {}, b"{}")
    assert known.received == []


@pytest.mark.usefixtures("open_loopback")
def test_connects_to_the_address_judged_whatever_the_dns_says_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answers(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    with receiver() as known:
        found = addresses.target(f"http://rebind.example:{known.port}/hooks")
        assert sending.post(found, {"webhook-id": "1"}, b"{}") == 204
    assert asked == ["rebind.example"]
    (received,) = known.received
    assert received.headers["host"] == f"rebind.example:{known.port}"
    assert received.headers["user-agent"] == "Annals-Webhooks/1"
    assert received.body == b"{}"


@pytest.mark.usefixtures("open_loopback")
def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with receiver() as inside, receiver() as known:
        known.status, known.headers = 307, {"Location": inside.url}
        assert sending.post(addresses.target(known.url), {}, b"{}") == 307
    assert inside.received == []


@pytest.mark.usefixtures("open_loopback")
def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as known:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert sending.post(addresses.target(known.url), {}, b"{}") == 204
    assert proxy.received == []


def post_to(port: int) -> int:
    return sending.post(addresses.target(f"http://127.0.0.1:{port}/"), {}, b"{}")


@pytest.mark.usefixtures("open_loopback")
def test_one_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "STEP_SECONDS", 0.2)

    def silent(talk: socket.socket, over: threading.Event) -> None:
        del talk
        over.wait(20)

    with hostile(silent) as port, pytest.raises(TimeOutError):
        post_to(port)


@pytest.mark.usefixtures("open_loopback")
def test_one_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 0.5)

    def dripping(talk: socket.socket, over: threading.Event) -> None:
        talk.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            talk.sendall(b"X-More: 1\r\n")

    with hostile(dripping) as port, pytest.raises(TimeOutError):
        post_to(port)


@pytest.mark.usefixtures("open_loopback")
def test_an_endless_body_is_not_read() -> None:
    sent = 0

    def endless(talk: socket.socket, over: threading.Event) -> None:
        nonlocal sent
        talk.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            sent += talk.send(b"x" * 65_536)

    began = time.monotonic()
    with hostile(endless) as port:
        assert post_to(port) == 200
    assert time.monotonic() - began < 5
    assert sent < 50_000_000


@pytest.mark.usefixtures("open_loopback")
def test_one_that_does_not_speak_http_is_unreachable() -> None:
    def rude(talk: socket.socket, over: threading.Event) -> None:
        del over
        talk.sendall(b"220 mail.example.com ESMTP\r\n")

    with hostile(rude) as port, pytest.raises(UnreachableError):
        post_to(port)
    with pytest.raises(UnreachableError):
        post_to(1)


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[ssl.SSLContext]:
    """Make a certificate for hooks.example that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "both.pem"
    file.write_bytes(made.public_bytes(pem) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        sending._trust.cache_clear()  # noqa: SLF001 - it read the file once
        yield context
    sending._trust.cache_clear()  # noqa: SLF001


@pytest.mark.usefixtures("open_loopback")
def test_the_certificate_must_be_the_names(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])
    with receiver(tls=certificate) as known:
        right = addresses.target(f"https://hooks.example:{known.port}/")
        assert sending.post(right, {}, b"{}") == 204
        wrong = addresses.target(f"https://other.example:{known.port}/")
        with pytest.raises(UnreachableError):
            sending.post(wrong, {}, b"{}")
    assert len(known.received) == 1
