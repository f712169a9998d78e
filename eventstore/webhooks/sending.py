"""One POST to a judged address: no redirects, no proxies, and an end in any case.

The event loop is here for its deadline alone: a server that sends a byte a second is
cut off like one that sends none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from ssl import SSLContext

import httpx

from eventstore.webhooks.addresses import Target
from eventstore.webhooks.errors import TimeOutError, UnreachableError

STEP_SECONDS = 10.0  # for any one step: connecting, writing, reading
TOTAL_SECONDS = 15.0  # for all of them, and the look-up before
USER_AGENT = "Annals-Webhooks/1"


def post(target: Target, headers: Mapping[str, str], content: bytes) -> int:
    """Send *content* and return the status; the answer's body is not read.

    Raises:
        TimeOutError: It took too long.
        UnreachableError: There was no answer of HTTP.
    """
    return asyncio.run(_within(target, headers, content))


async def _within(target: Target, headers: Mapping[str, str], content: bytes) -> int:
    try:
        async with asyncio.timeout(TOTAL_SECONDS - target.took):
            return await _post(target, headers, content)
    except (TimeoutError, httpx.TimeoutException) as error:
        message = "It did not answer in time."
        raise TimeOutError(message) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"It could not be reached ({type(error).__name__})."
        raise UnreachableError(message) from error


async def _post(target: Target, headers: Mapping[str, str], content: bytes) -> int:
    place = target.url.copy_with(host=str(target.address))
    own = {"Host": target.url.netloc.decode(), "User-Agent": USER_AGENT}
    async with httpx.AsyncClient(
        follow_redirects=False,
        timeout=STEP_SECONDS,
        trust_env=False,  # a proxy would resolve the name once more
        verify=_trust(),
    ) as client:
        request = client.build_request(
            "POST",
            place,
            content=content,
            headers={**own, **headers},
            # The certificate must be the name's, not the address's.
            extensions={"sni_hostname": target.host},
        )
        answer = await client.send(request, stream=True)
        await answer.aclose()
        return answer.status_code


@cache
def _trust() -> SSLContext:
    # Reading the certificates takes longer than most deliveries.
    return httpx.create_ssl_context()
