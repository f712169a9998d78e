"""What contestants behind HTTP share: start the server, knock, count, ask it to end.

Plain Python without imports of ours, as :mod:`race`; the same client for everybody, in
one process.  Modes: ``one`` sends as fast as answers come; ``steady`` sends
``STEADY_RATE`` requests a second, evenly, and counts a wait for a free connection, too;
``bulk`` is ``one`` with many commands a body.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

STEADY_RATE = 100  # requests a second
WARM_UP = 10  # requests of each connection before the clock starts
STARTS_WITHIN = 60  # seconds
TICKS = os.sysconf("SC_CLK_TCK")
_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Site:
    """A contestant's server and what is asked of it.

    Attributes:
        command: Starts it on the port given.
        environment: Added to its environment.
        path: Where commands are posted.
        headers: Of every request; one that ends in a colon gets a value of its own.
        body: Of the next request, and the commands in it.
        status: The one good answer.
        recorded: Counts the events in the log.
        signed: Returns headers that only this body has.
    """

    command: Callable[[int], Sequence[str]]
    environment: dict[str, str]
    path: str
    headers: Sequence[str]
    body: Callable[[], tuple[bytes, int]]
    status: int
    recorded: Callable[[], int]
    signed: Callable[[bytes], Sequence[str]] = lambda _body: ()


@dataclass
class _Tally:
    units: int = 0
    seconds: list[float] = field(default_factory=list)


class WrongAnswerError(Exception):
    """A contestant was quick, and wrong."""


def run(site_on: Callable[[str, str], Site]) -> None:
    """Race with the arguments of the command line and print the result.

    Raises:
        WrongAnswerError: An answer was not the good one, or the log lacks a command.
    """
    conninfo, mode, connections, seconds = sys.argv[1:5]
    site = site_on(conninfo, mode)
    if connections == "0":
        return
    before = site.recorded()
    port = _free_port()
    server = subprocess.Popen(  # noqa: S603 - our own argv
        site.command(port), env=os.environ | site.environment, stdout=sys.stderr
    )
    try:
        client = _Client(site, mode, port, server.pid, int(connections))
        facts, accepted = asyncio.run(client.run(float(seconds)))
    finally:
        server.terminate()
        server.wait()
    recorded = site.recorded() - before
    if recorded != accepted:
        message = f"{recorded} events of {accepted} accepted commands"
        raise WrongAnswerError(message)
    print(json.dumps(facts))


@dataclass
class _Client:
    site: Site
    mode: str
    port: int
    pid: int
    connections: int
    accepted: int = 0
    asked: int = 0

    async def run(self, seconds: float) -> tuple[dict[str, float], int]:
        """Return the facts of the race and how many commands were accepted in all."""
        await self._until_it_listens()
        lines = [
            await asyncio.open_connection("127.0.0.1", self.port)
            for _ in range(self.connections)
        ]
        is_short = self.mode == "bulk" or seconds < 1
        warm = range(1 if is_short else WARM_UP)
        await asyncio.gather(*(self._warm_up(line, warm) for line in lines))
        print("{}", flush=True)
        cpu = tree_cpu_seconds(self.pid)
        tally = _Tally()
        start = time.monotonic()
        pace = self._steadily if self.mode == "steady" else self._eagerly
        await asyncio.gather(*(pace(line, tally, start, seconds) for line in lines))
        elapsed = time.monotonic() - start
        cuts = quantiles([*tally.seconds, *tally.seconds], n=100, method="inclusive")
        facts = {
            "units": tally.units,
            "rate": tally.units / elapsed,
            "cpu_seconds": tree_cpu_seconds(self.pid) - cpu,
            "p50_ms": cuts[49] * 1000,
            "p99_ms": cuts[98] * 1000,
        }
        for _reader, writer in lines:
            writer.close()
        return facts, self.accepted

    async def _warm_up(self, line: _Line, times: range) -> None:
        for _ in times:
            await self._ask(line)

    async def _eagerly(
        self, line: _Line, tally: _Tally, start: float, seconds: float
    ) -> None:
        while True:
            sent = time.monotonic()
            commands = await self._ask(line)
            now = time.monotonic()
            tally.units += commands
            tally.seconds.append(now - sent)
            if now - start >= seconds:
                return

    async def _steadily(
        self, line: _Line, tally: _Tally, start: float, seconds: float
    ) -> None:
        while True:
            due = start + self.asked / STEADY_RATE
            self.asked += 1
            if due - start >= seconds and tally.units:
                return
            await asyncio.sleep(max(due - time.monotonic(), 0))
            commands = await self._ask(line)
            tally.units += commands
            tally.seconds.append(time.monotonic() - due)

    async def _ask(self, line: _Line) -> int:
        reader, writer = line
        body, commands = self.site.body()
        own = f'"{uuid.uuid4()}"'
        head = "\r\n".join(
            [
                f"POST {self.site.path} HTTP/1.1",
                "Host: localhost",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
                *(
                    f"{each} {own}" if each.endswith(":") else each
                    for each in self.site.headers
                ),
                *self.site.signed(body),
            ]
        )
        writer.write(head.encode() + b"\r\n\r\n" + body)
        told = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        _name, _colon, rest = told.partition("content-length:")
        answer = await reader.readexactly(int(rest.partition("\r\n")[0]))
        if int(told.split(maxsplit=2)[1]) != self.site.status:
            raise WrongAnswerError(told + answer.decode())
        self.accepted += commands
        return commands

    async def _until_it_listens(self) -> None:
        end = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            await asyncio.sleep(0.05)
        message = "The server does not listen."
        raise WrongAnswerError(message)


def tree_cpu_seconds(root: int) -> float:
    """Return the processor time of a process and of all that descend from it."""
    stats = dict(_stats())
    total, wanted = 0.0, [root]
    while wanted:
        pid = wanted.pop()
        wanted += [child for child, each in stats.items() if int(each[1]) == pid]
        # utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
        total += sum(map(int, stats.get(pid, ())[11:15]))
    return total / TICKS


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text("utf-8")
            except OSError:  # it ended meanwhile
                continue
            yield int(entry.name), text.rpartition(")")[2].split()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
