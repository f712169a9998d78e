"""One reader of the log for all listeners of a process: read once, handed to all.

While somebody listens, the hub looks every quarter of a second below the watermark for
what is new.  Each listener has a bounded line of frames; whoever lets it run full is
cut off and may come back with ``Last-Event-ID``.  Nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence

import orjson
from rest_framework.exceptions import APIException

from config.feed import reading
from config.feed.reading import Readers
from eventstore import store
from eventstore.events import RecordedEvent
from eventstore.searching import EventFilter
from eventstore.shown import shown
from projections.api.errors import FeedFullError, TooManyStreamsError

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
BROKEN_SECONDS = 1.0  # between tries while the database does not answer
CHECK_SECONDS = 15.0  # between two looks whether the listeners' tokens still work
WAITING_FRAMES = 1_000  # a listener may be behind by

EVERYTHING = EventFilter()


def frame(event: RecordedEvent, *, personal: bool) -> bytes:
    """Return *event* as one Server-Sent Event.

    Source: HTML Living Standard, 9.2 Server-sent events.
    """
    name = " ".join(event.type.split())  # an imported type may hold anything
    data = orjson.dumps(shown(event, personal=personal))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, name.encode(), data)


class Listener:
    """One open stream: what it wants, and the frames it has not been sent yet."""

    def __init__(self, matching: EventFilter, *, digest: bytes, personal: bool) -> None:
        self.matching = matching
        self.digest = digest  # of the token; the stream ends when that does
        self.personal = personal
        self.farewell = ""  # why it ends
        self.ended = asyncio.Event()
        self._frames: deque[tuple[int, bytes]] = deque()
        self._wake = asyncio.Event()

    def offer(self, position: int, text: bytes) -> None:
        """Put a frame in line, or end the stream when the line is full."""
        if self.ended.is_set():
            return
        if len(self._frames) >= WAITING_FRAMES:
            self.end("you read too slowly")
            return
        self._frames.append((position, text))
        self._wake.set()

    def end(self, farewell: str) -> None:
        """End the stream, telling why; what is in line is not sent."""
        self.farewell = self.farewell or farewell
        self._frames.clear()
        self.ended.set()
        self._wake.set()

    async def take(self, *, above: int, seconds: float) -> bytes:
        """Return the frames in line above a position; none after *seconds*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
        texts = [text for position, text in self._frames if position > above]
        self._frames.clear()
        return b"".join(texts)


class Hub:
    """Reads the log for its listeners; asleep while there are none."""

    def __init__(self, *, most: int, most_of_one: int) -> None:
        """Take at most *most* listeners, and at most *most_of_one* of one token."""
        self._most = most
        self._most_of_one = most_of_one
        self._open: set[Listener] = set()  # every stream, until it leaves
        self._of_each: Counter[bytes] = Counter()  # streams by their token
        self._listeners: set[Listener] = set()  # those that joined
        self._position: int | None = None  # handed out up to here; None: asleep
        self._wanted = asyncio.Event()
        self._awake = asyncio.Event()
        self._reader = Readers("feed-hub", threads=1)
        self._checked_at = 0.0  # monotonic seconds

    def refusal(self, digest: bytes) -> APIException | None:
        """Return why another listener of a token has no place; None when it has."""
        if len(self._open) >= self._most:
            return FeedFullError()
        if self._of_each[digest] >= self._most_of_one:
            return TooManyStreamsError(self._most_of_one)
        return None

    def enter(self, listener: Listener) -> None:
        """Look after *listener* from here on: it may still be reading the past."""
        self._open.add(listener)
        self._of_each[listener.digest] += 1
        self._wanted.set()

    async def join(self, listener: Listener) -> int:
        """Offer *listener* all that comes after the position returned."""
        self._listeners.add(listener)
        while self._position is None:
            await self._awake.wait()
        return self._position

    def leave(self, listener: Listener) -> None:
        """Offer *listener* nothing more, and forget it."""
        self._open.remove(listener)
        self._of_each[listener.digest] -= 1
        self._of_each += Counter()  # nobody's are forgotten
        self._listeners.discard(listener)

    def close(self) -> None:
        """End every stream: the process is about to stop."""
        for listener in self._open:
            listener.end("the feed stops")

    async def run(self) -> None:
        """Read and hand out until cancelled; survives the database."""
        try:
            while True:
                await self._wanted.wait()
                try:
                    await self._step()
                # Whatever goes wrong, everybody waits and nobody misses anything.
                except Exception as error:  # noqa: BLE001
                    fields = {"error": type(error).__name__}
                    logger.warning("feed cannot read", extra=fields)
                    await asyncio.sleep(BROKEN_SECONDS)
        finally:
            await self._reader.close()

    async def _step(self) -> None:
        if self._position is None:
            self._position = await self._reader.run(store.watermark)
            self._awake.set()
        found = await self._reader.run(reading.stretch, EVERYTHING, self._position)
        self._hand_out(found.events)
        self._position = found.reached
        if time.monotonic() - self._checked_at > CHECK_SECONDS:
            await self._check_tokens()
        if not self._open:
            self._fall_asleep()
        elif not found.is_full:
            await asyncio.sleep(POLL_SECONDS)

    def _fall_asleep(self) -> None:
        self._position = None
        self._awake.clear()
        self._wanted.clear()

    def _hand_out(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            takers = [each for each in self._listeners if _wants(each, event)]
            for personal, some in _by_sight(takers):
                text = frame(event, personal=personal)
                for listener in some:
                    listener.offer(event.position, text)

    async def _check_tokens(self) -> None:
        self._checked_at = time.monotonic()
        digests = {listener.digest for listener in self._open}
        dead = await self._reader.run(reading.dead, digests) if digests else set()
        for listener in self._open:
            if listener.digest in dead:
                listener.end("your token no longer works")


def _wants(listener: Listener, event: RecordedEvent) -> bool:
    return listener.matching.lets_through(event)


def _by_sight(takers: Sequence[Listener]) -> Iterable[tuple[bool, list[Listener]]]:
    for personal in (True, False):
        some = [each for each in takers if each.personal is personal]
        if some:
            yield personal, some
