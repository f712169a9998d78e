"""``python -m benchmarks.feed [--listeners N] [--seconds S]``: one feed, many ears.

Real sockets; one event a second; latency from the call of append to the bytes in the
listener's hands, for every listener and event.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import django

from config.embedded.environment import prepare

PROJECT = Path(__file__).resolve().parents[1]
REQUEST = (
    "GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n"
    "Authorization: Bearer {token}\r\n\r\n"
)
OPENED_AT_ONCE = 50


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    files = options.listeners + 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["FEED_LISTENERS"] = str(options.listeners)
    prepare()
    django.setup()
    from benchmarks import server  # noqa: PLC0415 - Django must be set up

    with server.running():
        port = _free_port()
        process = _serve(port)
        try:
            print(asyncio.run(_measure(port, process.pid, options)))
        finally:
            process.terminate()
            process.wait()


def _serve(port: int) -> subprocess.Popen[bytes]:
    from django.db import connection  # noqa: PLC0415 - Django must be set up

    known = connection.settings_dict
    url = f"postgresql://postgres@{quote(known['HOST'], safe='')}/{known['NAME']}"
    uvicorn = [sys.executable, "-m", "uvicorn", "config.asgi:application"]
    return subprocess.Popen(  # noqa: S603 - our own argv
        [*uvicorn, "--port", str(port), "--no-access-log", "--log-level", "warning"],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": url},
    )


def _token() -> str:
    from eventstore.circumstances import acting  # noqa: PLC0415 - Django must be set up
    from users import tokens  # noqa: PLC0415
    from users.scopes import ALL  # noqa: PLC0415

    with acting(actor="bench", source="system", correlation_id=uuid4()):
        return tokens.issue("bench", scopes=ALL)


async def _measure(port: int, pid: int, options: argparse.Namespace) -> str:
    request = REQUEST.format(token=await asyncio.to_thread(_token))
    await _until_it_listens(port)
    sent: list[float] = []
    latencies: list[float] = []
    listeners = [
        asyncio.create_task(_listen(reader, sent, latencies, options.seconds))
        for reader in await _open_all(port, request.encode(), options.listeners)
    ]
    before = _cpu_seconds(pid)
    for number in range(options.seconds):
        sent.append(time.monotonic())
        await asyncio.to_thread(_append, number)
        await asyncio.sleep(1)
    await asyncio.gather(*listeners)
    cpu = (_cpu_seconds(pid) - before) / options.seconds
    latencies.sort()
    p95 = latencies[int(len(latencies) * 0.95)]
    return (
        f"{options.listeners} listeners, {len(latencies)} deliveries,"
        f" median {statistics.median(latencies) * 1000:.0f} ms,"
        f" p95 {p95 * 1000:.0f} ms, most {latencies[-1] * 1000:.0f} ms;"
        f" feed: {cpu:.2f} cores, {_megabytes(pid):.0f} MB"
    )


async def _open_all(
    port: int, request: bytes, count: int
) -> list[asyncio.StreamReader]:
    gate = asyncio.Semaphore(OPENED_AT_ONCE)

    async def open_one() -> asyncio.StreamReader:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            head = await reader.readuntil(b"retry: 2000\n\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head  # noqa: S101
            _kept.append(writer)
            return reader

    return list(await asyncio.gather(*(open_one() for _ in range(count))))


_kept: list[asyncio.StreamWriter] = []  # else the sockets would close


async def _listen(
    reader: asyncio.StreamReader, sent: list[float], told: list[float], count: int
) -> None:
    for number in range(count):
        await reader.readuntil(b"\ndata: ")
        told.append(time.monotonic() - sent[number])


def _append(number: int) -> None:
    import uuid  # noqa: PLC0415

    from eventstore import store  # noqa: PLC0415 - Django must be set up
    from eventstore.events import Metadata  # noqa: PLC0415
    from users.events import UserCreated  # noqa: PLC0415

    store.append(
        f"user-{number}",
        [UserCreated(name="Ada Byron", email="ada@example.com")],
        expected_version=0,
        metadata=Metadata(actor="b", source="rest", correlation_id=uuid.uuid4()),
    )


async def _until_it_listens(port: int) -> None:
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


if __name__ == "__main__":
    main()
