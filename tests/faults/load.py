"""Clients who send commands at a steady rate, and again as the documentation says."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from uuid import uuid4

from tests.faults.installation import Installation

CLIENTS = 4
CREATED = 0.08  # share of the commands that create a user
TRIES = 60
AGAIN = (502, 503, 504)  # docs/how-to/call-the-api-safely.md
IN_PROGRESS = "Request in progress"
MOST_SECONDS = 1.0  # between two tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A command that was answered 202."""

    command_id: str
    stream: str
    version: int
    position: int
    tries: int
    seconds: float


class Load:
    """So many commands a second, until it is stopped; may be started again."""

    def __init__(self, crew: Installation, *, rate: float) -> None:
        self.crew, self.rate = crew, rate
        self.accepted: list[Accepted] = []
        self.refused: list[str] = []
        self._users: list[dict[str, int]] = [{} for _ in range(CLIENTS)]
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._over.clear()
        self._threads = [
            threading.Thread(target=self._run, args=(users,), daemon=True)
            for users in self._users
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing new, and wait for the fate of what is under way."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def send(self, path: str, body: Any) -> Accepted | None:
        """Send one command until its fate is known; None when it was refused."""
        key, began = str(uuid4()), time.monotonic()
        told = "no answer"
        for tries in range(1, TRIES + 1):
            status, answer = self._try(path, body, key)
            if status == 202:
                known = Accepted(
                    command_id=answer["command_id"],
                    stream=answer["stream"],
                    version=answer["version"],
                    position=answer["position"],
                    tries=tries,
                    seconds=time.monotonic() - began,
                )
                self.accepted.append(known)
                return known
            told = f"{path}: {status} {answer}"
            if not _is_worth_a_try(status, answer):
                break
            threading.Event().wait(min(0.05 * 2**tries, MOST_SECONDS))
        self.refused.append(told)
        return None

    def _try(self, path: str, body: Any, key: str) -> tuple[int, Any]:
        try:
            return self.crew.ask("POST", path, body, Idempotency_Key=key)
        except (OSError, HTTPException, ValueError):
            return 0, None

    def _run(self, users: dict[str, int]) -> None:
        chance = random.Random()  # noqa: S311 - not for secrets
        due = time.monotonic()
        while not self._over.is_set():
            self._command(users, chance)
            # A client that was kept waiting does not make up for it.
            due = max(due + CLIENTS / self.rate, time.monotonic() - 1)
            self._over.wait(max(due - time.monotonic(), 0))

    def _command(self, users: dict[str, int], chance: random.Random) -> None:
        if not users or chance.random() < CREATED:
            user_id = str(uuid4())
            body = {"id": user_id, "name": "Ada", "email": f"{user_id}@example.com"}
            known = self.send("/api/v1/users", body)
        else:
            user_id = chance.choice(list(users))
            body = {"name": f"Ada {uuid4()}"}
            known = self.send(f"/api/v1/users/{user_id}/name", body)
        if known is None:
            return
        if known.version != users.get(user_id, 0) + 1:
            self.refused.append(f"{known.stream} is at {known.version}: not the next")
        users[user_id] = known.version


def _is_worth_a_try(status: int, answer: Any) -> bool:
    if status in (0, *AGAIN):
        return True
    return status == 409 and answer.get("title") == IN_PROGRESS
