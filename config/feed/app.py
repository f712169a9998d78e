"""The feed's ASGI application: admits clients, sends streams, says goodbye."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from types import FrameType
from typing import Any

from django.conf import settings
from django.http import HttpResponse

from config.feed import stream
from config.feed.admission import Admitted, Scope, admit, refused
from config.feed.hub import Hub, Listener
from config.feed.reading import Readers

# Each with a connection to the database.  Those who read the past wait for each other,
# and nobody who comes waits for them.
ADMISSION_THREADS = 2
PAST_THREADS = 4
FAREWELL_SECONDS = 5.0  # for a client to read its farewell
STALLED_SECONDS = 60.0  # a client may read nothing for so long
Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Feed:
    """``GET /api/v1/events/stream``; needs a server that speaks ASGI's lifespan."""

    def __init__(self) -> None:
        self._hub: Hub
        self._admission: Readers
        self._past: Readers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._hub = Hub(
            most=settings.FEED_LISTENERS,
            most_of_one=settings.FEED_STREAMS_PER_CLIENT,
        )
        self._admission = Readers("feed-admission", threads=ADMISSION_THREADS)
        self._past = Readers("feed-past", threads=PAST_THREADS)
        running = asyncio.create_task(self._hub.run())
        self._hear_the_end()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._hub.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await self._admission.close()
        await self._past.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _hear_the_end(self) -> None:
        """End the streams at the signal: the server would wait for them first."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        before = signal.getsignal(signal.SIGTERM)

        def stop(number: int, where: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._hub.close)
            if callable(before):
                before(number, where)

        signal.signal(signal.SIGTERM, stop)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._admission.run(admit, scope)
        # Asked where listeners enter: many at once must not all see the last place.
        if isinstance(answer, Admitted):
            refusal = self._hub.refusal(answer.wish.digest)
            if not refusal:
                await self._stream(answer, receive, send)
                return
            answer = refused(answer, refusal)
        await _send_whole(send, answer)

    async def _stream(self, answer: Admitted, receive: Receive, send: Send) -> None:
        wish = answer.wish
        listener = Listener(wish.matching, digest=wish.digest, personal=wish.personal)
        self._hub.enter(listener)
        text = stream.texts(self._hub, self._past, listener, wish.after)
        sending = asyncio.create_task(_send_all(send, _headers(answer), text))
        leaving = asyncio.create_task(_gone(receive))
        ending = asyncio.create_task(_ended(listener))
        first = asyncio.FIRST_COMPLETED
        try:
            await asyncio.wait({sending, leaving, ending}, return_when=first)
            # One who reads nothing does not even hear that it reads too slowly.
            await asyncio.wait(
                {sending, leaving}, return_when=first, timeout=FAREWELL_SECONDS
            )
        finally:
            self._hub.leave(listener)
            await _cancel(sending, leaving, ending)


async def _send_all(send: Send, headers: Headers, text: AsyncIterator[bytes]) -> None:
    first = await anext(text)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for part in text:
        async with asyncio.timeout(STALLED_SECONDS):
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _ended(listener: Listener) -> None:
    await listener.ended.wait()


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _send_whole(send: Send, answer: HttpResponse) -> None:
    length = (b"content-length", str(len(answer.content)).encode())
    start = {"type": "http.response.start", "status": answer.status_code}
    await send({**start, "headers": [*_headers(answer), length]})
    await send({"type": "http.response.body", "body": answer.content})


def _headers(answer: HttpResponse) -> Headers:
    return [(k.lower().encode(), v.encode()) for k, v in answer.items()]
