"""To whom nothing is ever sent: this machine, its networks, and their disguises.

A name is resolved once and every address it has is judged; the caller connects to one
of those judged, so that a second answer of the DNS changes nothing.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from queue import Empty, SimpleQueue
from threading import Thread

import httpx
from django.conf import settings

from eventstore.webhooks.errors import AddressError
from eventstore.wording import worded

MAX_LENGTH = 2_000  # characters
MAX_PORT = 65_535
HOST = re.compile(r"[A-Za-z0-9._:-]+")  # in ASCII; IPv6 without its brackets
PORTS = {"https": 443, "http": 80}
LOOKUP_SECONDS = 5.0  # for a name to be resolved
ISATAP = 0x5EFE  # before the IPv4 address it leads to; with or without the local bit
LOCAL_BIT = 0x0200_0000

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Public by their numbers; not so by what answers there, or a way into IPv4.
REFUSED = [
    ip_network(each)
    for each in (
        "168.63.129.16/32",  # Azure's platform
        "192.0.0.0/24",
        "192.31.196.0/24",  # AS112
        "192.88.99.0/24",
        "::/96",  # IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # for documents
        "5f00::/16",  # segment routing
        "fec0::/10",
    )
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A judged place to connect to.

    Attributes:
        url: As given, normalised.
        host: Name for the Host header, for SNI and for the certificate.
        address: Where to connect: one of the addresses judged.
        took: Seconds that the look-up took; they count for the attempt.
    """

    url: httpx.URL
    host: str
    address: Address
    took: float


def checked(text: str) -> httpx.URL:
    """Return the URL that *text* is, if its form may be sent to.

    Raises:
        AddressError: It is none, names a person, or is not HTTPS.
    """
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL()
    is_host = HOST.fullmatch(url.raw_host.decode())
    is_port = url.port is None or 0 < url.port <= MAX_PORT
    is_short = len(text) <= MAX_LENGTH
    if not (url.scheme in PORTS and is_host and is_port and is_short):
        message = worded("Use an address such as https://example.com/hooks.")
        raise AddressError(message)
    if url.scheme == "http" and not settings.WEBHOOK_ALLOW_HTTP:
        message = worded("Use https: what is sent in the clear can be read by anybody.")
        raise AddressError(message)
    if url.userinfo or url.fragment:
        message = worded("Leave user, password and #fragment out of the address.")
        raise AddressError(message)
    return url


def target(text: str) -> Target:
    """Resolve the address once, judge all it has, and return where to connect.

    Raises:
        AddressError: It may not be sent to, or has no address.
    """
    url, began = checked(text), time.monotonic()
    found = [ip_address(each.partition("%")[0]) for each in lookup(url)]
    if not found:
        message = worded("The name {host} has no address.", host=url.host)
        raise AddressError(message)
    if not all(is_allowed(each) for each in found):
        # Not which one: the answer must not map the network behind us.
        message = worded(
            "{host} is inside this network, where webhooks may not go;"
            " WEBHOOK_ALLOWED_NETWORKS makes exceptions.",
            host=url.host,
        )
        raise AddressError(message)
    took = time.monotonic() - began
    return Target(url=url, host=url.raw_host.decode(), address=found[0], took=took)


def lookup(url: httpx.URL) -> list[str]:
    """Return every address of the URL's host, as text, or none.  Blocks 5 seconds.

    Asked is for the name that the certificate must have: Python's own way to write it
    in ASCII (IDNA 2003) leads from ``straße.de`` to the machine of ``strasse.de``.

    Raises:
        AddressError: The DNS did not answer in time.
    """
    port = url.port or PORTS[url.scheme]
    told: SimpleQueue[list[str]] = SimpleQueue()
    # The resolver has no deadline of its own; nobody waits for a thread it keeps.
    Thread(target=lambda: told.put(_resolved(url.raw_host, port)), daemon=True).start()
    try:
        return told.get(timeout=LOOKUP_SECONDS)
    except Empty:
        message = worded("The name {host} was not found in time.", host=url.host)
        raise AddressError(message) from None


def _resolved(host: bytes, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def is_allowed(address: Address) -> bool:
    """Tell whether webhooks may go to *address*."""
    inner = getattr(address, "ipv4_mapped", None)
    if inner is not None:
        return is_allowed(inner)
    if any(address in network for network in _exceptions()):
        return True
    behind = _behind_isatap(address)
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in REFUSED)
        and (behind is None or is_allowed(behind))
    )


def _behind_isatap(address: Address) -> IPv4Address | None:
    # Source: RFC 5214, section 6.1.
    number = int(address)
    is_tunnel = (number >> 32) & 0xFFFF_FFFF & ~LOCAL_BIT == ISATAP
    return IPv4Address(number & 0xFFFF_FFFF) if is_tunnel else None


def _exceptions() -> list[Network]:
    return _networks(tuple(settings.WEBHOOK_ALLOWED_NETWORKS))


@cache
def _networks(texts: tuple[str, ...]) -> list[Network]:
    return [ip_network(text) for text in texts]
