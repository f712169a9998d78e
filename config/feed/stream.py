"""The text of one stream: what was, then what comes, without a seam."""

from __future__ import annotations

from collections.abc import AsyncIterator

from config.feed import reading
from config.feed.hub import Hub, Listener, frame
from config.feed.reading import Readers
from eventstore import store

RETRY = b"retry: 2000\n\n"  # milliseconds before a client comes back
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"


async def texts(
    hub: Hub, readers: Readers, listener: Listener, after: int | None
) -> AsyncIterator[bytes]:
    """Yield what to send, until the listener is ended; never two events at a time lost.

    A listener that asks for the past reads it by itself, in pages, until it has nearly
    come to the end of the log; only then it joins, and reads once more what the hub
    handed out before.  What both told is told once.

    Args:
        hub: Hands out what is new.
        readers: Threads for the past.
        listener: Has entered, and not joined yet.
        after: Position, exclusive; None begins with what comes next.
    """
    if after is None:
        after = await readers.run(store.watermark)
    yield RETRY  # whoever has read this misses nothing that is recorded later
    joined: int | None = None
    while not listener.ended.is_set() and (joined is None or after < joined):
        past = await readers.run(reading.stretch, listener.matching, after)
        frames = [frame(event, personal=listener.personal) for event in past.events]
        if frames:
            yield b"".join(frames)
        after = past.reached
        if joined is None and not past.is_full:
            joined = await hub.join(listener)
    while not listener.ended.is_set():
        news = await listener.take(above=after, seconds=HEARTBEAT_SECONDS)
        if news or not listener.ended.is_set():
            yield news or HEARTBEAT
    yield b": %s; come back with Last-Event-ID\n\n" % listener.farewell.encode()
