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
from django.http.response import HttpResponseBase

from config.feed import stream
from config.feed.admission import Scope, Wish, admit
from config.feed.hub import Hub, Listener
from config.feed.reading import Readers

ADMISSION_THREADS = 4  # each with a connection to the database
FAREWELL_SECONDS = 5.0  # for a client to read its farewell
STALLED_SECONDS = 60.0  # a client may read nothing for so long
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx, do not collect
    (b"x-content-type-options", b"nosniff"),
]

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Feed:
    """``GET /api/v1/events/stream``; needs a server that speaks ASGI's lifespan."""

    def __init__(self) -> None:
        self._hub: Hub
        self._readers: Readers

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
        self._readers = Readers("feed", threads=ADMISSION_THREADS)
        running = asyncio.create_task(self._hub.run())
        self._hear_the_end()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._hub.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await self._readers.close()
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
        wish = await self._readers.run(admit, scope)
        # Asked where listeners enter: many at once must not all see the last place.
        refusal = isinstance(wish, Wish) and self._hub.refusal(wish.digest)
        if refusal:
            wish = await self._readers.run(admit, scope, refusal=refusal)
        if isinstance(wish, Wish):
            await self._stream(wish, receive, send)
        else:
            await _send_whole(send, wish)

    async def _stream(self, wish: Wish, receive: Receive, send: Send) -> None:
        listener = Listener(wish.matching, digest=wish.digest, personal=wish.personal)
        self._hub.enter(listener)
        text = stream.texts(self._hub, self._readers, listener, wish.after)
        sending = asyncio.create_task(_send_all(send, text))
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


async def _send_all(send: Send, text: AsyncIterator[bytes]) -> None:
    first = await anext(text)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
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


async def _send_whole(send: Send, answer: HttpResponseBase) -> None:
    body = answer.content if isinstance(answer, HttpResponse) else b""
    headers = [(k.lower().encode(), v.encode()) for k, v in answer.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    start = {"type": "http.response.start", "status": answer.status_code}
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body})
