"""How it is reached: HTTP on the loopback, one thread a connection."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.salesforce import desk
from tests.salesforce.answers import Asked, Reply, Salesforce, problem
from tests.salesforce.faults import Call, Fault

DRIP_SECONDS = 0.05  # between two bytes
WORTH_PACKING = 200  # bytes
PAGE_FOR_PEOPLE = b"<html><body>Down for maintenance</body></html>"
CALLS = {
    "token": Call.TOKEN,
    "query": Call.QUERY,
    "queryAll": Call.QUERY,
    "describe": Call.DESCRIBE,
    "updated": Call.UPDATED,
    "deleted": Call.UPDATED,
    "limits": Call.LIMITS,
}
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


@contextlib.contextmanager
def salesforce(port: int = 0) -> Iterator[Salesforce]:
    """Serve an empty org until the block ends."""
    known = Salesforce()
    handler = type("OrgHandler", (Handler,), {"known": known})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    server.block_on_close = False
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield known
    finally:
        known.faults.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    known: Salesforce
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, *_args: object) -> None:
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        call = _call(url.path, url.query)
        self.known.asked.append((call, self.command, url.path))
        fault = self.known.faults.met_by(call)
        if self.known.latency:
            time.sleep(self.known.latency)
        if fault == Fault.HANG:
            self.known.faults.over.wait(65)
            self.close_connection = True
            return
        reply = _broken(fault) or self._reply(url.path, url.query, body, fault)
        self._send(reply, fault)

    def _reply(self, path: str, query: str, body: bytes, fault: Fault | None) -> Reply:
        if not path.startswith("/services/"):
            return self._desk(body)
        if path == "/services/oauth2/token":
            return self.known.token(body)
        if not self.known.door.is_open(self.headers.get("Authorization", "")):
            text = "Session expired or invalid"
            return problem(401, "INVALID_SESSION_ID", text)
        parts = path.removeprefix("/services/data/v").split("/", 1)
        asked = Asked(
            method=self.command,
            path=parts[-1],
            version=parts[0],
            query=dict(parse_qsl(query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        return self.known.answer(asked, fault)

    def _desk(self, body: bytes) -> Reply:
        if self.command != "POST":
            return desk.page(self.known.org)
        reply = desk.change(self.known.org, body)
        if reply.status == HTTPStatus.SEE_OTHER:
            self.known.changed()
        return reply

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        body = reply.body
        if fault == Fault.BAD_JSON:
            body = body[: len(body) // 2]
        packed: dict[str, str] = {}
        is_taken = "gzip" in self.headers.get("Accept-Encoding", "")
        if fault == Fault.GARBLED or (is_taken and len(body) > WORTH_PACKING):
            packed = {"Content-Encoding": "gzip"}
            if fault != Fault.GARBLED:
                body = gzip.compress(body, 1)
        self.send_response(reply.status)
        for name, value in (reply.headers | packed | self._limits()).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self._write(body, fault)

    def _write(self, body: bytes, fault: Fault | None) -> None:
        if fault in (Fault.TRUNCATE, Fault.RESET):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            if fault == Fault.RESET:
                linger = socket.SO_LINGER
                self.connection.setsockopt(socket.SOL_SOCKET, linger, AT_ONCE)
                self.connection.close()
        elif fault == Fault.DRIP:
            for each in body:
                self.wfile.write(bytes([each]))
                self.wfile.flush()
                if self.known.faults.over.wait(DRIP_SECONDS):
                    return
        else:
            self.wfile.write(body)

    def _limits(self) -> dict[str, str]:
        org = self.known.org
        told = f"api-usage={org.api_used}/{org.api_limit}"
        if org.per_app:
            told += f"; {org.per_app}"
        return {"Sforce-Limit-Info": told}

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the ``Date`` header by the clock of the org."""
        base = time.time() if timestamp is None else timestamp
        return super().date_time_string(base + self.known.org.skew.total_seconds())


def _broken(fault: Fault | None) -> Reply | None:
    """Return an answer that knows nothing of what was asked."""
    match fault:
        case Fault.HTML:
            return Reply(body=PAGE_FOR_PEOPLE, headers={"Content-Type": "text/html"})
        case Fault.UNAVAILABLE:
            return problem(503, "SERVER_UNAVAILABLE", "Server too busy")
        case Fault.TOO_MANY:
            reply = problem(429, "TOO_MANY_REQUESTS", "Too many requests")
            return Reply(status=429, body=reply.body, headers={"Retry-After": "0"})
        case Fault.EXPIRED:
            return problem(401, "INVALID_SESSION_ID", "Session expired or invalid")
        case Fault.EMPTY_401:
            return Reply(status=401)
        case _:
            return None


def _call(path: str, query: str) -> Call:
    name = path.rstrip("/").rsplit("/", 1)[-1]
    if "COUNT%28%29" in query:
        return Call.COUNT
    if "/jobs/" in path:
        return Call.RESULTS if name == "results" else Call.JOB
    if "/query" in path and name not in ("query", "queryAll"):
        return Call.MORE
    return CALLS.get(name, Call.OTHER)
