"""Where a request comes from, as far as that can be believed."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "unknown"  # for example behind a socket, with no proxy that tells
NETWORK_BITS = 64  # an IPv6 subscriber has that many addresses at least


def client_address(request: HttpRequest) -> str:
    """Return the client's address; of IPv6 its network, which is one subscriber.

    ``X-Forwarded-For`` is believed as far as ``TRUSTED_PROXIES`` of ours wrote it: what
    stands further left was written by whoever asked.
    """
    told = request.META.get("REMOTE_ADDR", "")
    hops = settings.TRUSTED_PROXIES
    forwarded = request.headers.get("X-Forwarded-For", "")
    if hops and forwarded:
        written = forwarded.split(",")[-hops:]
        told = written[0].strip()
    return _subscriber(told)


def _subscriber(told: str) -> str:
    try:
        address = ipaddress.ip_address(told)
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), NETWORK_BITS), strict=False))
