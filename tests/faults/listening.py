"""A listener of the feed who comes back with ``Last-Event-ID`` whenever it ends."""

from __future__ import annotations

import contextlib
import threading
from http.client import HTTPException

from tests.faults.installation import Installation
from tests.feeds import Stream

SOON = 0.2  # seconds


class Listener:
    """Hears the whole log, and remembers in which order."""

    def __init__(self, crew: Installation) -> None:
        self.crew = crew
        self.heard: list[int] = []
        self.resumed = -1
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Come back no more."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set():
            self.resumed += 1
            with contextlib.suppress(OSError, HTTPException):
                self._listen()
            self._over.wait(SOON)

    def _listen(self) -> None:
        last = self.heard[-1] if self.heard else 0
        port, token = self.crew.feed_port, self.crew.token
        stream = Stream(port, token, last_event_id=last)
        try:
            while stream.response.status == 200 and (event := stream.next()):
                self.heard.append(event.id)
        finally:
            stream.close()
